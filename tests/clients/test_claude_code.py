"""The real Claude Code CLI against the server, in a home of its own and without an account at Anthropic.

`claude mcp add` as the demo prints it, `claude mcp list`, signing in with a real browser, and questions for which a stand-in for
the model (fake_model.py) calls the tool: what it then reads is what a model would read.
"""
from __future__ import annotations

import contextlib
import json
import os
import threading

import browser
import cases
import signing
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


def ask(claude):
    """One question whose answer takes one call of `query`."""
    tool = f"mcp__{NAME}__query"
    with FakeModel(tool, {"sql": cases.TOP_COST_CENTRES}) as model:
        said = claude(
            *("-p", "What were the top cost centres by distance in the last 30 days?"),
            *("--allowedTools", tool, "--output-format", "json"),
            ANTHROPIC_BASE_URL=model.url,
            ANTHROPIC_API_KEY="none",
            ENABLE_TOOL_SEARCH="false",
        )
    assert json.loads(said)["result"] == "answered", said
    (result,) = model.results
    content = result["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    cases.check_answer(result.get("is_error"), [text], None, cases.CALLS[-1][2])
    return model


def state(claude):
    """What is said of the server in the list."""
    (line,) = [line for line in claude("mcp", "list").splitlines() if line.startswith(NAME)]
    return line


def test_add_and_list(claude):
    add(claude)
    assert state(claude).endswith("Connected")
    assert '\\"negotiatedProtocolVersion\\":\\"2026-07-28\\"' in claude.logs()


def test_a_wrong_token_is_told_as_such(claude):
    add(claude, token="not-a-token-of-anybody")
    said = state(claude)
    assert "HTTP 401" in said and "token that was sent is not valid" in said


def test_signing_in_and_out(claude, tmp_path, seen):
    """The CLI is known by its metadata document, opens a browser and takes the answer on a port of its own."""
    log, opener = cases.Log(), signing.Opener(tmp_path)
    claude("mcp", "add", "--transport", "http", NAME, cases.endpoint()[0])
    assert "Needs authentication" in state(claude)

    with terminal() as (screen, written):
        streams = {"stdin": screen, "stdout": screen, "stderr": screen}
        with claude.ended(claude.start("mcp", "login", NAME, streams=streams, BROWSER=opener.path)) as login:
            browser.sign_in(opener.address(lambda: login.poll() is None), os.environ["ANALYTICS_TOKEN"])
    assert login.returncode == 0, written.decode()
    assert state(claude).endswith("Connected")
    assert '\\"negotiatedProtocolVersion\\":\\"2026-07-28\\"' in claude.logs()
    ask(claude)
    signing.check_signed_in(seen())

    credentials = tmp_path / "home/.claude/.credentials.json"

    def kept(**changed):
        """Its tokens, after some of them have been replaced in the file."""
        whole = json.loads(credentials.read_text())
        (ours,) = whole["mcpOAuth"].values()
        ours.update(changed)
        credentials.write_text(json.dumps(whole))
        return ours["accessToken"], ours["refreshToken"], ours["clientId"]

    pairs = [kept()]
    for stale in ({"accessToken": "stale"}, {"expiresAt": 1}):
        kept(**stale)
        ask(claude)
        signing.check_renewed(seen())
        pairs.append(kept())
    assert len({text for pair in pairs for text in pair}) == 3 * 2 + 1, "each time two new ones"

    claude("mcp", "logout", NAME)
    assert "POST /revoke 200" in seen()
    for pair in pairs:
        signing.check_ended(*pair)
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    assert "Needs authentication" in state(claude)
    hidden = [text for access, refresh, _ in pairs for text in (access, refresh)]
    log.check_sign_in([*hidden, os.environ["ANALYTICS_TOKEN"]], client="Claude Code")


def test_a_question(claude):
    add(claude)
    model = ask(claude)
    # every tool reaches the model, with its whole schema, but for the one that is the view's
    ours = {name: offered for name, offered in model.offered.items() if name.startswith(f"mcp__{NAME}__")}
    assert set(ours) == {f"mcp__{NAME}__{name}" for name in cases.TOOLS if name != "show_rows"}
    assert ours[model.tool]["input_schema"]["properties"]["sql"]["type"] == "string"
    # and so do the instructions
    assert "v_daily_summary" in model.system
