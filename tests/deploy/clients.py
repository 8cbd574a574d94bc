"""The server as its clients see it: single calls, and several clients that go on calling while deploys happen."""
from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Self

from stage import BEGAN, Failed, check, docker


class Tls(http.client.HTTPSConnection):
    """To a domain at a port of this machine, whatever the certificate says."""

    def __init__(self, domain: str, port: int, timeout: float) -> None:
        super().__init__(domain, timeout=timeout)
        self.here = port

    def connect(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", self.here), self.timeout), server_hostname=self.host)


def connect(port: int, domain: str | None = None, timeout: float = 70) -> http.client.HTTPConnection:
    return Tls(domain, port, timeout) if domain else http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)


def call_by(connection: http.client.HTTPConnection, token: str, tool: str, *, progress: bool = False, **arguments: object) -> tuple[int, dict]:
    """A tool call: the HTTP status, and what the tool answered."""
    params: dict[str, object] = {"name": tool, "arguments": arguments}
    if progress:
        params["_meta"] = {"progressToken": 1}
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
        "Authorization": f"Bearer {token}",
    }
    connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}), headers)
    reply = connection.getresponse()
    body = reply.read().decode()
    if reply.getheader("Content-Type", "").startswith("text/event-stream"):
        body = next(line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ") and '"id":1' in line)
    if not body.startswith("{"):
        return reply.status, {"text": body}
    content = json.loads(body).get("result", {}).get("content")
    if not content:
        return reply.status, json.loads(body)
    text = content[0]["text"]
    # Rows and errors are JSON, listings are text.
    return reply.status, json.loads(text) if text.startswith("{") else {"text": text}


def call(port: int, token: str, tool: str, *, domain: str | None = None, **arguments: object) -> tuple[int, dict]:
    connection = connect(port, domain)
    try:
        return call_by(connection, token, tool, **arguments)
    finally:
        connection.close()


def healthy(port: int, domain: str | None = None) -> bool:
    connection = connect(port, domain, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Load:
    """Clients that go on calling through the proxy: some keep their connection, some make a new one for each call, some ask for
    seconds. Each query has a mark of its own. `domains` are those that answer: when the first of them no longer
    leads to a server, a client goes over to the next one at once, as a person would who was given the new address."""

    def __init__(self, port: int, domains: list[str], tokens: list[str]) -> None:
        self.port, self.domains = port, domains
        self.over = threading.Event()
        self.answered: list[str] = []
        self.failed: list[str] = []
        kinds = [("kept", True, 0.0, False), ("fresh", False, 0.0, False), ("slow", True, 4.0, False), ("slow-fresh", False, 2.5, False), ("stream", True, 3.0, True)]
        self.threads = [
            threading.Thread(target=self.go_on, args=(*kind, tokens[number % len(tokens)]), daemon=True) for number, kind in enumerate(kinds)
        ]

    def go_on(self, kind: str, keep: bool, seconds: float, progress: bool, token: str) -> None:
        connection, number, domain = None, 0, self.domains[0]
        while not self.over.is_set():
            number += 1
            mark = f"mark-{kind}-{number}-"
            sql = f"SELECT reporting.linger({seconds}) AS done /* {mark} */" if seconds else f"SELECT 1 AS done /* {mark} */"
            began = time.monotonic()
            try:
                for _ in range(2):
                    connection = connection or connect(self.port, domain)
                    status, answer = call_by(connection, token, "query", progress=progress, sql=sql)
                    if status not in (404, 502) or domain == self.domains[-1]:
                        break
                    connection.close()
                    connection, domain = None, self.domains[-1]
                if status == 200 and answer.get("rows") == [{"done": 1}]:
                    self.answered.append(mark)
                else:
                    self.failed.append(f"{mark} at {began - BEGAN:.0f} s, after {time.monotonic() - began:.1f} s: {status} {answer}")
            except Exception as error:  # noqa: BLE001 whatever a client sees
                self.failed.append(f"{mark} at {began - BEGAN:.0f} s, after {time.monotonic() - began:.1f} s: {error!r}")
                keep_now = False
            else:
                keep_now = keep
            if connection and not keep_now:
                connection.close()
                connection = None
            time.sleep(0.05)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(90)
            if thread.is_alive():
                raise Failed("a client has not got its answer after 90 s")


def audit_lines(folder: Path, running: str) -> list[str]:
    """The kept logs and that of the running container."""
    lines = docker("logs", running).splitlines()
    for file in sorted(folder.glob("*.jsonl.gz")):
        lines += gzip.decompress(file.read_bytes()).decode().splitlines()
    return lines


def each_once(marks: list[str], lines: list[str]) -> None:
    """Every mark in exactly one line."""
    check(len(set(marks)) == len(marks), "a mark was used twice")
    counts = dict.fromkeys(marks, 0)
    for line in lines:
        sql = json.loads(line).get("sql", "")
        if "/* mark-" in sql:
            mark = sql.split("/* ")[1].split(" */")[0]
            counts[mark] = counts.get(mark, 0) + 1
    wrong = {mark: count for mark, count in counts.items() if count != 1}
    check(not wrong, f"{len(wrong)} of {len(marks)} queries are not in exactly one line: {dict(list(wrong.items())[:5])}")
