"""The real Claude Code CLI against the server, in a home of its own and without a login.

`claude mcp add` as the demo prints it, `claude mcp list`, and one question of which a stand-in for the model (fake_model.py)
asks the tool: what it then reads is what a model would read.
"""
from __future__ import annotations

import json
import os
import subprocess

import pytest

import cases
from fake_model import FakeModel

NAME = "fireside-analytics"


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

    def run(*arguments, **settings):
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", **quiet, **settings}
        command = [os.environ["CLAUDE_BINARY"], *arguments]
        done = subprocess.run(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.logs = lambda: "".join(path.read_text() for path in (home / ".cache").rglob("mcp-logs-*/*"))
    return run


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
