"""What several files of tests use."""
from __future__ import annotations

import contextlib
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
