"""The way back: a server with MCP_PROTOCOL_MODERN=off, and clients that would rather speak 2026-07-28 fall back by themselves."""
from __future__ import annotations

import json
import os

import pytest

import cases
import test_sdk2
import test_typescript
from test_claude_code import NAME, add

LEGACY = "2025-11-25"


@pytest.fixture(autouse=True)
def modern_off(monkeypatch):
    monkeypatch.setenv("ANALYTICS_URL", os.environ["ANALYTICS_URL_MODERN_OFF"])


def test_the_python_sdk():
    tool, arguments, check = cases.CALLS[-1]

    async def talk(client):
        return client.protocol_version, await client.list_tools(), await client.call_tool(tool, arguments)

    (version, listed, result), sent = test_sdk2.session(talk)
    assert version == LEGACY
    cases.check_tools([each.model_dump(mode="json", by_alias=True) for each in listed.tools])
    cases.check_answer(result.is_error, test_sdk2.texts(result), result.structured_content, check)
    posted = [json.loads(request.content)["method"] for request in sent if request.method == "POST"]
    assert posted[:3] == ["server/discover", "initialize", "notifications/initialized"], "it asked for the modern era first"


def test_the_typescript_sdk():
    url, headers = cases.endpoint()
    tool, arguments, check = cases.CALLS[-1]
    done = test_typescript.node("sdk2.mjs", url, headers["Authorization"], json.dumps([(tool, arguments)]), "auto")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"] == LEGACY
    posted = [request["method"] for request in told["sent"] if request["verb"] == "POST"]
    assert posted[0] == "server/discover" and posted.count("server/discover") == 1, "it asked for the modern era first"
    cases.check_tools(told["tools"])
    (result,) = told["answers"]
    cases.check_answer(result.get("isError"), test_typescript.texts(result), result.get("structuredContent"), check)


def test_claude_code(claude):
    add(claude)
    (line,) = [line for line in claude("mcp", "list").splitlines() if line.startswith(NAME)]
    assert line.endswith("Connected"), line
    assert f'\\"negotiatedProtocolVersion\\":\\"{LEGACY}\\"' in claude.logs()
