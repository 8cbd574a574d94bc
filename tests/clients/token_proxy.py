"""A reverse proxy on 127.0.0.1 that adds the bearer token, for a client that can send none.

It changes nothing else but the connection's end: one request per connection. `Host` and `Origin`, good or bad, arrive at the
server as the client wrote them, and every answer arrives at the client as the server wrote it.
"""
from __future__ import annotations

import select
import socket
import socketserver

from served import Served


class TokenProxy(Served):
    def __init__(self, port: int, authorization: str) -> None:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(port, authorization))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]


def _handler(port: int, authorization: str) -> type:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received = b""
            while b"\r\n\r\n" not in received:
                more = self.request.recv(65536)
                if not more:
                    return
                received += more
            head, _, body = received.partition(b"\r\n\r\n")
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            lines += [f"Authorization: {authorization}".encode(), b"Connection: close"]
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
                pump(self.request, server)

    return Handler


def pump(one: socket.socket, other: socket.socket) -> None:
    """Carries bytes both ways until either side ends: who hangs up at one end is gone at the other."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            try:
                received = ready.recv(65536)
                (other if ready is one else one).sendall(received)
            except OSError:
                return
            if not received:
                return
