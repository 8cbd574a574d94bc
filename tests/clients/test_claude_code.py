"""The real Claude Code CLI against the server, in a home of its own and without a login.

`claude mcp add` as the demo prints it, `claude mcp list`, signing in with a real browser, and one question of which a stand-in for the model (fake_model.py)
asks the tool: what it then reads is what a model would read.
"""
from __future__ import annotations

import contextlib
import json
import os
import shlex
import threading
import time

import browser
import cases
from fake_model import FakeModel

NAME = "fireside-analytics"


@contextlib.contextmanager
def terminal():
    """A terminal for a program that asks for one, and what has been written on it."""
    ours, theirs = os.openpty()
    written = bytearray()

    def read():
        with contextlib.suppress(OSError):  # its end
            while more := os.read(ours, 4096):
                written.extend(more)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield theirs, written
    finally:
        os.close(theirs)
        reader.join(10)
        os.close(ours)


def add(claude, token=None):
    url, headers = cases.endpoint()
    header = "Authorization: " + (f"Bearer {token}" if token else headers["Authorization"])
    return claude("mcp", "add", "--transport", "http", NAME, url, "--header", header)


def test_add_and_list(claude):
    add(claude)
    listed = claude("mcp", "list")
    (line,) = [line for line in listed.splitlines() if line.startswith(NAME)]
    assert line.endswith("Connected") and "Failed" not in line, listed
    assert '\\"negotiatedProtocolVersion\\":\\"2026-07-28\\"' in claude.logs()


def test_a_wrong_token_is_told_as_such(claude):
    add(claude, token="not-a-token-of-anybody")
    assert "HTTP 401" in claude("mcp", "list")


def test_signing_in_and_out(claude, tmp_path):
    """The CLI is known by its metadata document, opens a browser and takes the answer on a port of its own."""
    log = cases.Log()
    claude("mcp", "add", "--transport", "http", NAME, cases.endpoint()[0])
    assert "Needs authentication" in claude("mcp", "list")

    opened, opener = tmp_path / "opened", tmp_path / "opener"
    target, half = shlex.quote(str(opened)), shlex.quote(f"{opened}.half")
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {half} && mv {half} {target}\n')
    opener.chmod(0o700)
    with terminal() as (screen, written):
        streams = {"stdin": screen, "stdout": screen, "stderr": screen}
        with claude.ended(claude.start("mcp", "login", NAME, streams=streams, BROWSER=str(opener))) as login:
            end = time.monotonic() + 30
            while not opened.exists():
                assert time.monotonic() < end and login.poll() is None, written.decode()
                time.sleep(0.05)
            browser.sign_in(opened.read_text(), os.environ["ANALYTICS_TOKEN"])
    assert login.returncode == 0, written.decode()
    (line,) = [line for line in claude("mcp", "list").splitlines() if line.startswith(NAME)]
    assert line.endswith("Connected"), line
    assert '\\"negotiatedProtocolVersion\\":\\"2026-07-28\\"' in claude.logs()

    log.check_sign_in([os.environ["ANALYTICS_TOKEN"]], client="Claude Code")
    claude("mcp", "logout", NAME)
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    assert "Needs authentication" in claude("mcp", "list")


def test_a_question(claude):
    add(claude)
    tool = f"mcp__{NAME}__query"
    with FakeModel(tool, {"sql": cases.TOP_COST_CENTRES}) as model:
        told = claude(
            *("-p", "What were the top cost centres by distance in the last 30 days?"),
            *("--allowedTools", tool, "--output-format", "json"),
            ANTHROPIC_BASE_URL=model.url,
            ANTHROPIC_API_KEY="none",
            ENABLE_TOOL_SEARCH="false",
        )
    assert json.loads(told)["result"] == "answered", told
    # every tool reaches the model, with its whole schema
    ours = {name: offered for name, offered in model.offered.items() if name.startswith(f"mcp__{NAME}__")}
    assert set(ours) == {f"mcp__{NAME}__{name}" for name in cases.TOOLS}
    assert ours[tool]["input_schema"]["properties"]["sql"]["type"] == "string"
    # and so do the instructions
    assert "v_daily_summary" in model.system
    (result,) = model.results
    content = result["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    cases.check_answer(result.get("is_error"), [text], None, cases.CALLS[-1][2])
