"""A client with one keep-alive connection, and loads of many such clients where each call's time counts."""
from __future__ import annotations

import json
import math
import multiprocessing
import signal
import socket
import time


def query(sql: str, max_rows: int = 1000) -> bytes:
    """The JSON-RPC message of a call of `query`."""
    return call("query", {"sql": sql, "max_rows": max_rows})


def call(tool: str, arguments: dict, number: object = 1) -> bytes:
    """The JSON-RPC message of a tool call."""
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    return json.dumps(message).encode()


def outcome(body: bytes) -> str:
    """"ok", "busy" (told to come back) or "error"."""
    if b'"isError":true' in body:
        return "busy" if b'\\"BUSY\\"' in body[-1000:] else "error"
    return "ok" if b'"result"' in body[-200:] or b'"result"' in body[:200] else "error"


class Client:
    """Requests are made once and sent as they are, so that they cost little."""

    def __init__(self, port: int, token: str, timeout: float = 120) -> None:
        self.port, self.token, self.timeout = port, token, timeout
        self.socket: socket.socket | None = None
        self.received = 0  # bytes of the last answer, head included
        self.reconnected = 0  # times that a kept connection turned out to be closed

    def post(self, body: bytes) -> bytes:
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb", 1 << 18)

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        for attempt in (1, 2):
            fresh = self.socket is None
            try:
                if fresh:
                    self.connect()
                self.socket.sendall(request)
                return self._read()
            except (ConnectionError, EOFError):
                self.close()
                # a kept connection may have been closed meanwhile
                if fresh or attempt == 2:
                    raise
                self.reconnected += 1
        raise AssertionError

    def send(self, request: bytes) -> bytes:
        """The body of the answer; an exception unless it is 200."""
        status, body = self.exchange(request)
        if status != 200:
            raise RuntimeError(f"{status} {body[:200]!r}")
        return body

    def _line(self) -> bytes:
        line = self.reader.readline()
        if not line:
            raise EOFError
        self.received += len(line)
        return line

    def _body(self, length: int) -> bytes:
        body = self.reader.read(length)
        if len(body) != length:
            raise EOFError
        self.received += length
        return body

    def _read(self) -> tuple[int, bytes]:
        self.received = 0
        status = int(self._line().split()[1])
        length, chunked, closing = 0, False, False
        while (line := self._line().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            value = value.strip()
            if name == b"content-length":
                length = int(value)
            chunked |= name == b"transfer-encoding" and value == b"chunked"
            closing |= name == b"connection" and value == b"close"
        if chunked:
            parts = []
            while (size := int(self._line(), 16)) > 0:
                parts.append(self._body(size))
                self._line()
            self._line()
            body = b"".join(parts)
        else:
            body = self._body(length)
        if closing:
            self.close()
        return status, body

    def close(self) -> None:
        if self.socket:
            self.reader.close()
            self.socket.close()
            self.socket = None


class Load:
    """Some clients, each in a process of its own, that send one request over and over; a request is made for each token."""

    def __init__(self, port: int, tokens: list[str], seconds: float, body: bytes | None = None, pause: float = 0) -> None:
        """Without a body they ask for /healthz."""
        context = multiprocessing.get_context("fork")
        self.pipes, self.processes = [], []
        begin = time.monotonic() + 0.2
        for token in tokens:
            ours, theirs = context.Pipe(duplex=False)
            work = (port, token, body, begin, begin + seconds, pause, theirs)
            process = context.Process(target=self._work, args=work, daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    @staticmethod
    def _work(port, token, body, begin, end, pause, pipe) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        client = Client(port, token)
        request = client.post(body) if body else client.get("/healthz")
        times, counts = [], {"ok": 0, "busy": 0, "error": 0}
        time.sleep(max(0, begin - time.monotonic()))
        while time.monotonic() < end or not times:
            start = time.perf_counter()
            try:
                answer = client.send(request)
                told = outcome(answer) if body else "ok"
            except (OSError, EOFError, RuntimeError):
                client.close()
                told = "error"
            counts[told] += 1
            if told == "ok":
                times.append(time.perf_counter() - start)
            elif time.monotonic() >= end:
                break
            else:
                time.sleep(0.1)
            if pause:
                time.sleep(pause)
        pipe.send((times, counts))

    def wait(self) -> Result:
        """Their times in milliseconds and their counts."""
        result = Result()
        for pipe, process in zip(self.pipes, self.processes):
            times, counts = pipe.recv()
            process.join()
            result.ms += [1000 * seconds for seconds in times]
            for told, count in counts.items():
                result.counts[told] += count
        result.ms.sort()
        return result


class Result:
    def __init__(self) -> None:
        self.ms: list[float] = []
        self.counts = {"ok": 0, "busy": 0, "error": 0}

    def quantile(self, q: float) -> float:
        return self.ms[min(len(self.ms) - 1, math.ceil(q * len(self.ms)) - 1)] if self.ms else math.nan

    def told(self, *quantiles: float) -> str:
        numbers = " / ".join(show(self.quantile(q)) for q in quantiles) + " ms"
        return numbers + (f" ({self.counts['error']} errors)" if self.counts["error"] else "")


def show(number: float) -> str:
    """A number with as many digits as are worth reading."""
    if math.isnan(number):
        return "–"
    return f"{number:,.{2 if abs(number) < 10 else 1 if abs(number) < 100 else 0}f}"
