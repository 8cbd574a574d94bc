"""A reverse proxy on 127.0.0.1 that notes what goes through it: what a client did, seen from the server's side.

A note is one line: `POST /token refresh_token 200`. It is written before the answer reaches the client. Like token_proxy.py, this
changes nothing but the connection's end.
"""
from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from pathlib import Path
from urllib.parse import parse_qs

from served import Served
from token_proxy import pump


class Witness(Served):
    """It stands before `port`, which may be set once that is known."""

    def __init__(self, notes: Path) -> None:
        self.notes, self.port = notes, 0
        self._writing = threading.Lock()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        notes.touch()

    def _note(self, *words: str) -> None:
        with self._writing, self.notes.open("a") as notes:
            notes.write(" ".join(word for word in words if word) + "\n")

    def _handler(witness) -> type:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # a client may leave at any time
                    self._carry()

            def _carry(self) -> None:
                head, body = up_to_the_blank_line(self.request)
                if not head:
                    return
                length = re.search(rb"(?im)^content-length: *([0-9]+)", head)
                while length and len(body) < int(length[1]):
                    body += self.request.recv(65536)
                method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
                path, grant = target.partition("?")[0], ""
                if path == "/token":
                    grant = parse_qs(body.decode()).get("grant_type", [""])[0]
                lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
                with socket.create_connection(("127.0.0.1", witness.port)) as server:
                    server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
                    head, body = up_to_the_blank_line(server)
                    if not head:
                        return
                    witness._note(method, path, grant, head.split(b" ")[1].decode())
                    self.request.sendall(head + b"\r\n\r\n" + body)
                    pump(self.request, server)

        return Handler


def up_to_the_blank_line(source: socket.socket) -> tuple[bytes, bytes]:
    """The head of a message, and what has come of its body; nothing if the other side leaves before."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = source.recv(65536)
        if not more:
            return b"", b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body
