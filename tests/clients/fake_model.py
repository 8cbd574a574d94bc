"""A stand-in for the model behind Claude Code, on 127.0.0.1: it asks for one tool call and keeps what comes back.

It speaks as much of the Messages API as that takes. The client is the real one; only the thinking is left out.
"""
from __future__ import annotations

import http.server
import json

from served import Served


class FakeModel(Served):
    def __init__(self, tool: str, arguments: dict) -> None:
        self.tool, self.arguments = tool, arguments
        self.offered: dict[str, dict] = {}  # the tools of the requests, by name
        self.system = ""  # the system prompt that came with them
        self.results: list[dict] = []  # the tool results that a model would read
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, request: dict) -> dict:
        """The content block to answer with: the tool call first, words after it."""
        tools = {tool["name"]: tool for tool in request.get("tools", [])}
        blocks = [block for message in request["messages"] for block in message["content"] if isinstance(block, dict)]
        results = [block for block in blocks if block["type"] == "tool_result"]
        if self.tool not in tools:
            return {"type": "text", "text": "ok"}
        self.offered = tools
        self.system = json.dumps(request.get("system", "")) + json.dumps(request["messages"])
        if results:
            self.results = results
            return {"type": "text", "text": "answered"}
        return {"type": "tool_use", "id": "toolu_1", "name": self.tool, "input": self.arguments}

    def _handler(model) -> type:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.path.startswith("/v1/messages") or "count_tokens" in self.path:
                    self._send("application/json", json.dumps({"input_tokens": 1}))
                    return
                block = model._answer(request)
                reason = "tool_use" if block["type"] == "tool_use" else "end_turn"
                message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"]}
                usage = {"input_tokens": 1, "output_tokens": 1}
                if not request.get("stream"):
                    whole = {**message, "content": [block], "stop_reason": reason, "stop_sequence": None, "usage": usage}
                    self._send("application/json", json.dumps(whole))
                    return
                empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block.get("text")}
                if reason == "tool_use":
                    empty = {**block, "input": {}}
                    delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
                events = [
                    {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": usage}},
                    {"type": "content_block_start", "index": 0, "content_block": empty},
                    {"type": "content_block_delta", "index": 0, "delta": delta},
                    {"type": "content_block_stop", "index": 0},
                    {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
                    {"type": "message_stop"},
                ]
                self._send("text/event-stream", "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events))

            def do_GET(self) -> None:
                self._send("application/json", "{}")

            def do_HEAD(self) -> None:
                self._send("application/json", "")

            def _send(self, content_type: str, text: str) -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
