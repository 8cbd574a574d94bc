"""The official Python SDK 2.x against the server: server/discover, then self-contained requests."""
from __future__ import annotations

import asyncio
import json

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import INVALID_PARAMS

import cases

MODERN = "2026-07-28"


def session(conversation, mode="auto"):
    """Runs a conversation with a connected client; returns what it returns and the HTTP requests sent, raises what it raises."""
    sent: list[httpx2.Request] = []

    async def note(request):
        sent.append(request)

    async def run():
        url, headers = cases.endpoint()
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30, event_hooks={"request": [note]}) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode, read_timeout_seconds=30) as client,
        ):
            told = asyncio.create_task(conversation(client))
            await asyncio.wait([told])  # which does not raise: the SDK's task groups would bury it
            return told

    return asyncio.run(asyncio.wait_for(run(), 60)).result(), sent


def texts(result) -> list[str]:
    return [block.text for block in result.content]


def test_discover():
    async def talk(client):
        return client.protocol_version, client.server_info, client.server_capabilities, client.instructions

    (version, server, capabilities, instructions), sent = session(talk)
    assert version == MODERN
    assert [request.headers["mcp-method"] for request in sent] == ["server/discover"], "it must not fall back to initialize"
    assert server.name == "fireside-analytics"
    assert capabilities.tools is not None
    assert "reporting" in instructions and len(instructions.encode()) <= 2048


def test_tools():
    async def talk(client):
        return await client.list_tools()

    listed, _ = session(talk)
    assert listed.result_type == "complete" and listed.ttl_ms > 0 and listed.cache_scope in ("public", "private")
    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in listed.tools])


@pytest.mark.parametrize(("tool", "arguments", "check"), cases.CALLS, ids=[call[0] for call in cases.CALLS])
def test_call(tool, arguments, check):
    async def talk(client):
        return await client.call_tool(tool, arguments)

    result, sent = session(talk)
    call = next(request for request in sent if request.headers["mcp-method"] == "tools/call")
    assert call.headers["mcp-protocol-version"] == MODERN and call.headers["mcp-name"] == tool
    cases.check_answer(result.is_error, texts(result), result.structured_content, check)


@pytest.mark.parametrize(("tool", "arguments", "code", "fix"), [case[1:] for case in cases.REFUSED], ids=[case[0] for case in cases.REFUSED])
def test_refused(tool, arguments, code, fix):
    async def talk(client):
        return await client.call_tool(tool, arguments)

    result, _ = session(talk)
    cases.check_refusal(result.is_error, texts(result), code, fix)


def test_unknown_tool():
    async def talk(client):
        return await client.call_tool("drop_table", {})

    with pytest.raises(MCPError, match="Unknown tool") as caught:
        session(talk)
    assert caught.value.error.code == INVALID_PARAMS


def test_leaving_cancels_the_query():
    """Modern clients cancel by closing the response: the statement must stop with it."""

    endless = "SELECT count(*) AS abandoned FROM generate_series(1, 20000000000)"

    async def talk(client):
        call = asyncio.create_task(client.call_tool("query", {"sql": endless}))
        await asyncio.sleep(0.5)
        assert not call.done(), texts(await call)
        assert cases.running("count(*) AS abandoned") == 1
        call.cancel()
        for _ in range(30):
            if cases.running("count(*) AS abandoned") == 0:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("still running 3 s after the client left")

    session(talk)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress(mode):
    async def talk(client):
        told = []

        async def note(*step):
            told.append(step)

        return await client.call_tool("query", {"sql": sql}, progress_callback=note), told

    with cases.slow_query() as sql:
        (result, told), _ = session(talk, mode)
    cases.check_progress(told, *texts(result))


def test_the_same_client_can_still_do_initialize():
    async def talk(client):
        assert client.protocol_version == "2025-11-25"
        return await client.call_tool("query", {"sql": "SELECT 1 AS one"})

    result, sent = session(talk, mode="legacy")
    assert texts(result)[0].endswith('"rows":[{"one":1}]}')
    methods = [json.loads(request.content)["method"] for request in sent if request.method == "POST"]
    assert methods[:2] == ["initialize", "notifications/initialized"] and "tools/call" in methods
    assert "server/discover" not in methods
