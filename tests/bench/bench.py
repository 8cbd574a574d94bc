#!/usr/bin/env python3
"""How fast, how small and how fair the server is, on the demo fleet; prints a Markdown table.

    bench.py [--server BINARY] [--only NAME,NAME]

Another MCP server can be measured beside it on the same database:

    BASELINE_CMD='exec uvicorn app:app --port "$PORT"' BASELINE_NAME=python bench.py

It is started by the shell with DATABASE_URL, MCP_AUTH_TOKENS and PORT, and must answer GET /healthz and POST /mcp with a tool
`query` that takes `sql` and `max_rows`.

Environment: BENCH_POSITIONS (default 200000) scales the data, BENCH_SECONDS (default 4) the load phases.
Needs nothing but Python and PostgreSQL with PostGIS. Clients are processes of their own with keep-alive connections. Not a test:
the numbers depend on the machine and on what else it does; the load average is printed with them.
"""
from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from stack import ROOT, Stack, StackError, free_port, stop_on_sigterm, tail  # noqa: E402

SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
ANALYSTS = tuple(f"analyst{n}" for n in range(8)) + ("greedy", "normal")
SETTINGS = {"MCP_MAX_BYTES": "16777216"}

SMALL = "SELECT plate, driver_name FROM tracksolid.devices WHERE device_id = 7"
LARGE = "SELECT device_id, ts, lat, lon, speed_kmh, heading, ignition, odometer_km FROM tracksolid.positions LIMIT 10000"
SLEEP = "SELECT reporting.bench_sleep({})"
HEAVY = "SELECT count(*), max(sqrt(n)) FROM generate_series(1, 1500000) AS n"

# A sleep for the measurements, since a server refuses pg_sleep, as it should.
FIXTURES = """
CREATE FUNCTION reporting.bench_sleep(seconds float8) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS 'BEGIN PERFORM pg_sleep(seconds); RETURN 1; END';
GRANT EXECUTE ON FUNCTION reporting.bench_sleep(float8) TO analytics_ro;
"""


# ── A client ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Client:
    """One keep-alive connection; requests are made once and sent as they are."""

    def __init__(self, port: int, token: str, timeout: float = 120) -> None:
        self.port, self.token, self.timeout = port, token, timeout
        self.socket: socket.socket | None = None

    def call(self, sql: str, max_rows: int = 1000) -> bytes:
        arguments = {"sql": sql, "max_rows": max_rows}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "query", "arguments": arguments}}
        body = json.dumps(message).encode()
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
            f"MCP-Protocol-Version: 2025-06-18\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def health(self) -> bytes:
        return f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode()

    def send(self, request: bytes) -> bytes:
        """The body of the answer; an exception unless it is 200."""
        for attempt in (1, 2):
            fresh = self.socket is None
            try:
                if fresh:
                    self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
                    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.reader = self.socket.makefile("rb", 1 << 18)
                self.socket.sendall(request)
                return self._read()
            except (ConnectionError, EOFError):
                self.close()
                # a kept connection may have been closed meanwhile
                if fresh or attempt == 2:
                    raise
        raise AssertionError

    def _read(self) -> bytes:
        status = self.reader.readline()
        if not status:
            raise EOFError
        length, chunked, closing = 0, False, False
        while (line := self.reader.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            value = value.strip()
            if name == b"content-length":
                length = int(value)
            chunked |= name == b"transfer-encoding" and value == b"chunked"
            closing |= name == b"connection" and value == b"close"
        if chunked:
            parts = []
            while (size := int(self.reader.readline(), 16)) > 0:
                parts.append(self.reader.read(size))
                self.reader.readline()
            self.reader.readline()
            body = b"".join(parts)
        else:
            body = self.reader.read(length)
        if closing:
            self.close()
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {body[:200]!r}")
        return body

    def close(self) -> None:
        if self.socket:
            self.reader.close()
            self.socket.close()
            self.socket = None


def outcome(body: bytes) -> str:
    """"ok", "busy" (told to come back) or "error"."""
    if b'"isError":true' in body:
        return "busy" if b'\\"BUSY\\"' in body[-1000:] else "error"
    return "ok" if b'"result"' in body[-200:] or b'"result"' in body[:200] else "error"


class Load:
    """Some clients, each in a process of its own, that send one request over and over."""

    def __init__(self, server: Server, sql: str, analysts: list[str], seconds: float, max_rows: int = 1000, pause: float = 0, health: bool = False) -> None:
        context = multiprocessing.get_context("fork")
        self.pipes, self.processes = [], []
        begin = time.monotonic() + 0.2
        for analyst in analysts:
            ours, theirs = context.Pipe(duplex=False)
            work = (server.port, server.tokens[analyst], sql, max_rows, begin, begin + seconds, pause, health, theirs)
            process = context.Process(target=self._work, args=work, daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    @staticmethod
    def _work(port, token, sql, max_rows, begin, end, pause, health, pipe) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        client = Client(port, token)
        request = client.health() if health else client.call(sql, max_rows)
        times, counts = [], {"ok": 0, "busy": 0, "error": 0}
        time.sleep(max(0, begin - time.monotonic()))
        while time.monotonic() < end or not times:
            start = time.perf_counter()
            try:
                body = client.send(request)
                told = "ok" if health else outcome(body)
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
    return "–" if math.isnan(number) else f"{number:.2f}" if number < 10 else f"{number:,.0f}"


# ── A server ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Server:
    """A server under measurement: starts by a command, listens on a port of its own."""

    def __init__(self, name: str, command: str, stack: Stack, settings: dict[str, str]) -> None:
        self.name, self.command, self.stack, self.settings = name, command, stack, settings
        self.tokens = stack.tokens
        self.process: subprocess.Popen | None = None
        self.log = Path(stack.server_log.parent) / f"bench-{name}.log"

    def start(self) -> float:
        """Seconds from the start of the process to the first answered tools/call."""
        self.port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MCP_", "DATABASE_URL"))},
            "DATABASE_URL": self.stack.database_url,
            "MCP_AUTH_TOKENS": ",".join(f"{name}:{token}" for name, token in self.tokens.items()),
            "PORT": str(self.port),
            **{name: value.format(port=self.port) for name, value in self.settings.items()},
        }
        client = Client(self.port, self.tokens["normal"], timeout=10)
        request = client.call("SELECT 1 AS one")
        with self.log.open("ab") as out:
            began = time.perf_counter()
            self.process = subprocess.Popen(
                self.command, shell=True, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        while True:
            try:
                body = client.send(request)
                break
            except (OSError, EOFError):
                client.close()
                if self.process.poll() is not None or time.perf_counter() - began > 60:
                    raise StackError(f"{self.name} did not start:\n{tail(self.log)}") from None
                time.sleep(0.001)
        took = time.perf_counter() - began
        client.close()
        if outcome(body) != "ok":
            raise StackError(f"{self.name} does not answer: {body[:500]!r}")
        return took

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            for number, seconds in [(signal.SIGTERM, 15), (signal.SIGKILL, 5)]:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self.process = None

    def _processes(self) -> list[int]:
        """The processes of the session that was started for it."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:
                found.append(int(stat.parent.name))
        return found

    def memory(self, field: str) -> float:
        """VmRSS or VmHWM in MiB, of all its processes."""
        total = 0
        for pid in self._processes():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
        return total / 1024

    def forget_peak(self) -> None:
        for pid in self._processes():
            Path(f"/proc/{pid}/clear_refs").write_text("5")


# ── What is measured ──────────────────────────────────────────────────────────────────────────────────────────────────

Rows = list[tuple[str, str]]
EVERYBODY = [name for name in ANALYSTS if name.startswith("analyst")]


def start(server: Server) -> Rows:
    times = []
    for _ in range(7):
        server.stop()
        times.append(1000 * server.start())
    return [("process start to first answered call, best / median of 7", f"{show(min(times))} / {show(statistics.median(times))} ms")]


def idle(server: Server) -> Rows:
    server.stop()
    server.start()
    time.sleep(1)
    return [("idle memory, after one call (RSS)", f"{server.memory('VmRSS'):.1f} MiB")]


def health(server: Server) -> Rows:
    alone = Load(server, "", ["normal"], SECONDS / 2, pause=0.005, health=True).wait()
    slow = Load(server, SLEEP.format(SECONDS / 2), EVERYBODY, SECONDS)
    time.sleep(0.5)
    result = Load(server, "", ["normal"], SECONDS / 2, pause=0.005, health=True).wait()
    slow.wait()
    return [
        ("/healthz, nothing else running, p50 / p99", alone.told(0.5, 0.99)),
        ("/healthz while 8 queries sleep, p50 / p99", result.told(0.5, 0.99)),
    ]


def small(server: Server) -> Rows:
    rows = []
    for clients in (1, 8):
        result = Load(server, SMALL, EVERYBODY[:clients], SECONDS).wait()
        name = "1 client" if clients == 1 else f"{clients} clients"
        rows.append((f"small query, {name}, p50 / p99", result.told(0.5, 0.99)))
        rows.append((f"small query, {name}, calls per second", f"{result.counts['ok'] / SECONDS:,.0f}"))
    return rows


def large(server: Server) -> Rows:
    server.stop()
    server.start()
    rows = []
    client = Client(server.port, server.tokens["normal"])
    size = len(client.send(client.call(LARGE, 10000)))
    client.close()
    rows.append(("10,000 rows × 8 columns, size of the answer", f"{size / 1e6:.1f} MB"))
    for clients in (1, 8):
        server.forget_peak()
        result = Load(server, LARGE, EVERYBODY[:clients], 2 * SECONDS, max_rows=10000).wait()
        name = "1 client" if clients == 1 else f"{clients} at once"
        rows.append((f"10,000 rows × 8 columns, {name}, p50 / p99", result.told(0.5, 0.99)))
        rows.append((f"10,000 rows × 8 columns, {name}, peak memory", f"{server.memory('VmHWM'):.1f} MiB"))
    return rows


def fair(server: Server) -> Rows:
    rows = []
    alone = Load(server, SMALL, ["normal"], SECONDS, pause=0.02).wait()
    rows.append(("normal analyst alone, small query, p50 / p99", alone.told(0.5, 0.99)))
    for what, sql in [("sleep 1 s", SLEEP.format(1)), ("compute", HEAVY)]:
        greedy = Load(server, sql, ["greedy"] * 24, 2 * SECONDS)
        time.sleep(0.7)
        normal = Load(server, SMALL, ["normal"], 2 * SECONDS - 1.5, pause=0.02).wait()
        greedy = greedy.wait()
        rows.append((f"normal analyst beside a greedy one (24 × {what}), p50 / p99", normal.told(0.5, 0.99)))
        rows.append((f"… greedy calls ({what}): answered / told busy / failed", " / ".join(str(n) for n in greedy.counts.values())))
    return rows


MEASURES: dict[str, Callable[[Server], Rows]] = {"start": start, "idle": idle, "health": health, "small": small, "large": large, "fair": fair}


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", type=Path)
    parser.add_argument("--only", default=",".join(MEASURES), help="some of: " + ", ".join(MEASURES))
    options = parser.parse_args()
    measures = [(name, MEASURES[name]) for name in options.only.split(",")]
    stop_on_sigterm()
    servers: list[Server] = []
    try:
        stack = Stack(options.server, int(os.environ.get("BENCH_POSITIONS", "200000")), SETTINGS, ANALYSTS)
        with stack:
            stack.stop_server()
            stack.psql(FIXTURES)
            command = f"exec '{options.server.resolve()}'"
            servers.append(Server("analytics_mcp", command, stack, {"MCP_LISTEN": "127.0.0.1:{port}", **SETTINGS}))
            if os.environ.get("BASELINE_CMD"):
                name = os.environ.get("BASELINE_NAME", "baseline")
                servers.append(Server(name, os.environ["BASELINE_CMD"], stack, {}))
            table: dict[str, list[str]] = {}
            for server in servers:
                for name, measure in measures:
                    print(f"bench: {server.name}, {name} ...", file=sys.stderr, flush=True)
                    if server.process is None:
                        server.start()
                    for row, value in measure(server):
                        table.setdefault(row, []).append(value)
                server.stop()
        print(f"{os.cpu_count()} cores, {platform.machine()}, load average {os.getloadavg()[0]:.1f} at the end\n")
        print("| | " + " | ".join(server.name for server in servers) + " |")
        print("|---|" + "---:|" * len(servers))
        for row, values in table.items():
            print(f"| {row} | " + " | ".join(values) + " |")
        return 0
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
