"""The official Python SDK 1.x against the server: the handshake with initialize, and signing in."""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from datetime import timedelta

import httpx
import pytest
from mcp import ClientSession, McpError, types
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

import browser
import cases
import signing


def session(conversation):
    """Runs a conversation with an initialised session; returns what it returns, raises what it raises."""

    async def run():
        url, headers = cases.endpoint()
        async with (
            httpx.AsyncClient(headers=headers, timeout=30) as http,
            streamable_http_client(url, http_client=http) as (read, write, session_id),
            ClientSession(read, write, read_timeout_seconds=timedelta(seconds=30)) as client,
        ):
            greeting = await client.initialize()
            assert session_id() is None, "the server keeps no sessions"
            told = asyncio.create_task(conversation(client, greeting))
            await asyncio.wait([told])  # which does not raise: the SDK's task groups would bury it
            return told

    return asyncio.run(asyncio.wait_for(run(), 60)).result()


def texts(result: types.CallToolResult) -> list[str]:
    return [block.text for block in result.content]


def test_initialize():
    async def talk(client, greeting):
        await client.send_ping()
        return greeting

    greeting = session(talk)
    assert greeting.protocolVersion == "2025-11-25" == types.LATEST_PROTOCOL_VERSION
    assert greeting.serverInfo.name == "fireside-analytics"
    assert greeting.capabilities.tools is not None
    assert "reporting" in greeting.instructions and len(greeting.instructions.encode()) <= 2048


def test_tools():
    async def talk(client, _):
        return await client.list_tools()

    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in session(talk).tools])


@pytest.mark.parametrize(("tool", "arguments", "check"), cases.CALLS, ids=[call[0] for call in cases.CALLS])
def test_call(tool, arguments, check):
    async def talk(client, _):
        return await client.call_tool(tool, arguments)

    result = session(talk)
    cases.check_answer(result.isError, texts(result), result.structuredContent, check)


@pytest.mark.parametrize(("tool", "arguments", "code", "fix"), [case[1:] for case in cases.REFUSED], ids=[case[0] for case in cases.REFUSED])
def test_refused(tool, arguments, code, fix):
    async def talk(client, _):
        return await client.call_tool(tool, arguments)

    result = session(talk)
    cases.check_refusal(result.isError, texts(result), code, fix)


def test_several_calls_at_once_in_one_session():
    async def talk(client, _):
        return await asyncio.gather(*(client.call_tool("query", {"sql": f"SELECT {n} AS n"}) for n in range(4)))

    for n, result in enumerate(session(talk)):
        cases.check_answer(result.isError, texts(result), None, lambda text, n=n: json.loads(text)["rows"] == [{"n": n}] or 1 / 0)


def test_progress():
    async def talk(client, _):
        told = []

        async def note(*step):
            told.append(step)

        return await client.call_tool("query", {"sql": sql}, progress_callback=note), told

    with cases.slow_query() as sql:
        result, told = session(talk)
    cases.check_progress(told, *texts(result))


def test_unknown_tool():
    async def talk(client, _):
        return await client.call_tool("drop_table", {})

    with pytest.raises(McpError, match="Unknown tool") as caught:
        session(talk)
    assert caught.value.error.code == types.INVALID_PARAMS


def test_wrong_token(monkeypatch):
    monkeypatch.setenv("ANALYTICS_TOKEN", "not-a-token-of-anybody")

    async def talk(client, _):
        raise AssertionError("let in with a wrong token")

    with pytest.raises(BaseExceptionGroup) as caught:
        session(talk)
    assert caught.group_contains(httpx.HTTPStatusError, match="401")


class AnotherSignIn(Exception):
    """The client wants its person to sign in once more."""


def test_signing_in_and_out(seen):
    log, kept, opened, answered = cases.Log(), signing.Kept(), [], []
    _, arguments, check = cases.CALLS[-1]

    async def redirect(url):
        opened.append(url)
        if len(opened) > 1:
            raise AnotherSignIn
        await asyncio.to_thread(browser.sign_in, url, os.environ["ANALYTICS_TOKEN"])

    async def answer():
        answered.append(await asyncio.to_thread(callback.answer))
        return answered[-1]["code"], answered[-1]["state"]

    @contextlib.asynccontextmanager
    async def connected():
        url, _ = cases.endpoint()
        metadata = OAuthClientMetadata(client_name="Python SDK 1", redirect_uris=[callback.url], token_endpoint_auth_method="none")
        provider = OAuthClientProvider(url, metadata, kept, redirect, answer)
        async with (
            httpx.AsyncClient(auth=provider, timeout=30) as http,
            streamable_http_client(url, http_client=http) as (read, write, _),
            ClientSession(read, write, read_timeout_seconds=timedelta(seconds=30)) as client,
        ):
            await client.initialize()
            yield client, provider

    async def run():
        async with connected() as (client, provider):
            first = await client.call_tool("query", arguments)
            signed_in = seen()
            # This SDK refreshes by its own clock, and not because of a 401.
            provider.context.token_expiry_time = time.time() - 1
            second = await client.call_tool("query", arguments)
        for result in (first, second):
            cases.check_answer(result.isError, texts(result), result.structuredContent, check)
        return signed_in, seen()

    async def run_again():
        async with connected():
            raise AssertionError("let in after the sign-out")

    with browser.Callback() as callback:
        signed_in, refreshed = asyncio.run(asyncio.wait_for(run(), 60))
        signing.check_signed_in(signed_in)
        signing.check_renewed(refreshed)
        signing.end(kept)
        with pytest.raises(BaseExceptionGroup) as caught:
            asyncio.run(asyncio.wait_for(run_again(), 60))
        assert caught.group_contains(AnotherSignIn)
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    issued = [text for tokens in kept.tokens for text in (tokens.access_token, tokens.refresh_token)]
    log.check_sign_in([*issued, answered[0]["code"], os.environ["ANALYTICS_TOKEN"]], client="Python SDK 1")
