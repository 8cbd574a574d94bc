"""A client of the server as Claude is one: MCP over HTTP, and nothing but the text of the answers."""
from __future__ import annotations

import http.client
import json
import urllib.parse
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    text: str
    failed: bool

    @property
    def size(self) -> int:
        return len(self.text.encode())


class Client:
    def __init__(self, url: str, token: str) -> None:
        self._url = urllib.parse.urlsplit(url)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
        }
        self._connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=60)

    def _request(self, method: str, params: dict) -> dict:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self._connection.request("POST", self._url.path, json.dumps(message), self._headers)
        reply = self._connection.getresponse()
        body = reply.read().decode()
        if reply.status != 200:
            raise RuntimeError(f"{method}: {reply.status} {body[:200]}")
        if reply.getheader("Content-Type", "").startswith("text/event-stream"):
            body = [line.removeprefix("data:") for line in body.splitlines() if line.startswith("data:")][-1]
        return json.loads(body)["result"]

    def instructions(self) -> str:
        params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "eval", "version": "1"}}
        return self._request("initialize", params).get("instructions", "")

    def tools(self) -> list[dict]:
        """Each tool as a model gets it: name, description and schema. A view's own tools it does not get."""
        listed = [tool for tool in self._request("tools/list", {})["tools"] if tool["_meta"].get("ui", {}).get("visibility") != ["app"]]
        return [{name: tool[name] for name in ("name", "description", "inputSchema")} for tool in listed]

    def call(self, tool: str, arguments: dict) -> Answer:
        result = self._request("tools/call", {"name": tool, "arguments": arguments})
        text = "\n".join(part["text"] for part in result["content"] if part["type"] == "text")
        return Answer(text, bool(result.get("isError")))

    def query(self, sql: str, max_rows: int = 1000) -> Answer:
        return self.call("query", {"sql": sql, "max_rows": max_rows, "format": "json"})
