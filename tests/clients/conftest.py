"""What several files of tests use."""
from __future__ import annotations

import contextlib
import functools
import os
import subprocess

import pytest

import signing


@pytest.fixture
def seen(monkeypatch):
    """For this test, the server before which the witness stands; gives what the witness notes."""
    monkeypatch.setenv("ANALYTICS_URL", os.environ["ANALYTICS_URL_WITNESSED"])
    monkeypatch.setenv("ANALYTICS_SERVER_LOG", os.environ["ANALYTICS_LOG_WITNESSED"])
    return signing.Seen()


@pytest.fixture
def claude(tmp_path):
    """Runs the CLI; it sees nothing of this machine's own Claude settings and talks to nobody but 127.0.0.1."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    quiet = {
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }

    def start(*arguments, streams, **settings):
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", **quiet, **settings}
        return subprocess.Popen([os.environ["CLAUDE_BINARY"], *arguments], env=environment, cwd=folder, **streams)

    def run(*arguments, **settings):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with ended(start(*arguments, streams=streams, **settings)) as process:
            out, err = process.communicate(timeout=90)
        assert process.returncode == 0, out + err
        return out

    run.start, run.ended = start, ended
    run.logs = lambda: "".join(path.read_text() for path in (home / ".cache").rglob("mcp-logs-*/*"))
    return run


@contextlib.contextmanager
def ended(process):
    """At the end of the block this process has ended; without an error in the block it may do so by itself."""
    try:
        yield process
        process.wait(30)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def view():
    """Opens the view, as the server has it, in a browser."""
    import browser  # here, since it is not there with the first SDK
    import view_host

    with browser.chromium() as chromium:
        yield functools.partial(view_host.Host, chromium, view_host.document())


@pytest.fixture
def show(view):
    """Opens the view in a host that gives it this; at the end, all that it has sent is checked."""
    hosts = []

    def open_host(*given, **settings):
        hosts.append(view(*given, **settings))
        return hosts[-1]

    yield open_host
    for host in hosts:
        host.check()
        host.close()
