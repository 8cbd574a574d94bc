"""The clients of the soak: each sends one kind of request over and over, and knows which answers are right."""
from __future__ import annotations

import collections
import itertools
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from client import Client, call, query
from contenders import BenchStack

SLEEP = "SELECT reporting.bench_sleep({}) /* {} */"
BIG = "SELECT device_id, ts, lat, lon, speed_kmh, heading, ignition, odometer_km FROM tracksolid.positions"
# What a call may be told, whatever it asks, while PostgreSQL is away or has just come back.
OUTAGE = {"DATABASE_UNAVAILABLE", "BUSY", "SQL_ERROR", "TIMEOUT", "CANCELLED"}
OUTAGE_LASTS = 5  # seconds after PostgreSQL takes connections again
REFUSED = [
    "DELETE FROM tracksolid.devices",
    "SELECT pg_sleep(1)",
    "SELECT 1; SELECT 2",
    "SET statement_timeout = 0",
    "COPY tracksolid.devices TO STDOUT",
    "WITH gone AS (DELETE FROM fuel.records RETURNING 1) SELECT * FROM gone",
]
WRONG = [
    query("SELECT nothing FROM tracksolid.devices"),
    query("SELECT 1 / (device_id - device_id) FROM tracksolid.devices"),
    query("SELECT * FROM tracksolid.device"),
    query("SELECT FROM WHERE"),
    call("query", {}),
    call("describe_table", {"schema": "fuel", "table": "receipts"}),
    call("no_such_tool", {}),
]
CATALOG = [
    call("list_schemas", {}),
    call("list_tables", {"schema": "reporting"}),
    call("describe_table", {"schema": "tracksolid", "table": "positions"}),
    call("list_functions", {"schema": "fuel"}),
    call("sample_table", {"schema": "tickets", "table": "inc"}),
]


class Tally:
    """What was answered, by kind of request; and what was wrong about it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[str, collections.Counter] = {}
        self.problems: collections.Counter[str] = collections.Counter()
        self.outages: list[list[float]] = []  # begin and end
        self.reconnected = 0
        self.answered = 0  # calls of an analyst

    def count(self, kind: str, told: str, problem: str | None = None) -> None:
        with self.lock:
            self.counts.setdefault(kind, collections.Counter())[told] += 1
            if problem:
                self.problems[f"{kind}: {problem}"] += 1

    def in_outage(self, began: float, ended: float) -> bool:
        return any(began <= end + OUTAGE_LASTS and ended >= begin for begin, end in self.outages)

    def calls(self) -> int:
        return sum(sum(counts.values()) for counts in self.counts.values())


def told(status: int, body: bytes) -> tuple[str, str | None]:
    """How a call ended ("ok", or the code of its error), and what is wrong with the answer itself."""
    if status != 200:
        return f"HTTP {status}", None if body else "an empty refusal"
    answer = json.loads(body)
    if "error" in answer:
        return "JSON-RPC error", None if answer["error"].get("message") else f"an error without a message: {body[:300]!r}"
    text = json.loads(answer["result"]["content"][0]["text"])
    if not answer["result"]["isError"]:
        return "ok", None
    error = text["error"]
    # What can be acted on: PostgreSQL's own words with their SQLSTATE, a hint, a place, or names that are close.
    helps = error.get("message") and any(error.get(key) for key in ("sqlstate", "hint", "position", "did_you_mean"))
    helps = helps or len(error.get("message", "")) > 30
    return error["code"], None if helps else f"an error that does not say what to do: {body[:300]!r}"


class Worker(threading.Thread):
    """One client. It stops for a moment when it is asked to, and then holds no connection."""

    def __init__(self, kind: str, soak: Soak, token: str, pause: float, expected: Callable[[str], bool]) -> None:
        super().__init__(name=kind, daemon=True)
        self.kind, self.soak, self.pause, self.expected = kind, soak, pause, expected
        self.client = Client(soak.port, token, timeout=40)
        self.idle = threading.Event()
        self.messages: Iterator[bytes] = iter(())

    def run(self) -> None:
        while not self.soak.over.is_set():
            if self.soak.calm.is_set():
                self.client.close()
                self.idle.set()
                time.sleep(0.1)
                continue
            self.idle.clear()
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - a bug of the soak itself must not pass for silence
                self.soak.tally.count(self.kind, "broken", f"{type(error).__name__}: {error}")
                self.client.close()
            time.sleep(self.pause)

    def turn(self) -> None:
        self.ask(next(self.messages))

    def ask(self, message: bytes) -> None:
        """Sends a request, waits for the answer, and judges it."""
        began = time.monotonic()
        before = self.client.reconnected
        try:
            code, problem = told(*self.client.exchange(self.client.post(message)))
        except (OSError, EOFError) as error:
            self.client.close()
            code, problem = "unanswered", f"no answer: {type(error).__name__} {error}"
        with self.soak.tally.lock:
            self.soak.tally.reconnected += self.client.reconnected - before
            self.soak.tally.answered += code != "unanswered" and not code.startswith("HTTP")
        ended = time.monotonic()
        if not problem and not self.expected(code) and not (code in OUTAGE and self.soak.tally.in_outage(began, ended)):
            problem = f"{code} is not expected, {ended - began:.1f} s after {message[:200]!r}"
        self.soak.tally.count(self.kind, code, problem)


class HangsUp(Worker):
    def turn(self) -> None:
        self.client.connect()
        self.client.socket.sendall(self.client.post(query(SLEEP.format(1.5, "hung up"))))
        time.sleep(random.uniform(0.02, 0.6))
        self.client.close()
        self.soak.tally.count(self.kind, "hung up")


class Cancels(Worker):
    numbers = itertools.count()

    def turn(self) -> None:
        number = f"cancel-{next(self.numbers)}"
        threading.Timer(random.uniform(0.05, 0.5), self.cancel, [number]).start()
        self.ask(call("query", {"sql": SLEEP.format(1.8, number)}, number))

    def cancel(self, number: str) -> None:
        client = Client(self.soak.port, self.client.token, timeout=10)
        notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
        try:
            status, _ = client.exchange(client.post(json.dumps(notice).encode()))
        except (OSError, EOFError):
            status = 0
        client.close()
        self.soak.tally.count("notice of a cancel", f"HTTP {status}", None if status == 202 else "not taken")


class Sticks(Worker):
    """A statement whose process of PostgreSQL is frozen, so that no time limit and no cancel request gets past it."""

    def turn(self) -> None:
        with self.soak.frozen:  # PostgreSQL is not restarted meanwhile
            thread = threading.Thread(target=self.ask, args=[query(SLEEP.format(1.9, "frozen"))])
            thread.start()
            pid = None
            try:
                for _ in range(30):
                    found = self.soak.stack.psql(
                        "SELECT pid FROM pg_stat_activity"
                        " WHERE state = 'active' AND usename = 'analytics_ro' AND query LIKE '%/* frozen */%'"
                    )
                    if found.strip():
                        pid = self.soak.frozen_pid = int(found.split()[0])
                        os.kill(pid, signal.SIGSTOP)
                        break
                    time.sleep(0.02)
                thread.join()
            finally:
                self.soak.thaw()
            self.soak.tally.count("statement frozen", "yes" if pid else "missed")


class Stranger(Worker):
    """Without a token, or with half a request."""

    def turn(self) -> None:
        self.ask(query("SELECT 1"))
        with socket.create_connection(("127.0.0.1", self.soak.port), 20) as half:
            half.sendall(b"POST /mcp HTTP/1.1\r\nHost: ")
            while half.recv(4096):  # until the server has had enough
                pass
        self.soak.tally.count("half a request", "closed by the server")


class Soak:
    """The clients, and what they share."""

    def __init__(self, stack: BenchStack, port: int) -> None:
        self.stack, self.port, self.tally = stack, port, Tally()
        self.over, self.calm, self.frozen = threading.Event(), threading.Event(), threading.Lock()
        self.frozen_pid: int | None = None
        tokens = list(stack.tokens.values())
        small = [query(f"SELECT plate, driver_name FROM tracksolid.devices WHERE device_id = {n}") for n in range(1, 12)]
        guarded = OUTAGE | {"ok", "unanswered"}
        plain = [
            ("small query", small, 0.004, lambda code: code == "ok"),
            ("small query", small, 0.004, lambda code: code == "ok"),
            ("small query", small, 0.004, lambda code: code == "ok"),
            ("10,000 rows, cut off by bytes", [query(BIG, 10_000)], 0.05, lambda code: code == "ok"),
            ("1,000 rows, cut off by rows", [query(BIG, 1_000)], 0.02, lambda code: code == "ok"),
            ("catalog tools", CATALOG, 0.02, lambda code: code == "ok"),
            ("refused text", [query(sql) for sql in REFUSED], 0.01, lambda code: code not in guarded),
            ("wrong call", WRONG, 0.01, lambda code: code in {"SQL_ERROR", "NOT_FOUND", "ARGUMENT", "JSON-RPC error"}),
            ("over its time limit", [query(SLEEP.format(30, "too long"))], 0.1, lambda code: code == "TIMEOUT"),
        ]
        self.workers: list[Worker] = []
        for number, (kind, messages, pause, expected) in enumerate(plain):
            worker = Worker(kind, self, tokens[number], pause, expected)
            worker.messages = itertools.cycle(messages)
            self.workers.append(worker)
        self.workers += [
            HangsUp("hang-up", self, tokens[9], 0.1, lambda code: True),
            Cancels("cancelled call", self, tokens[10], 0.1, lambda code: code == "CANCELLED"),
            Sticks("ignores cancellation", self, tokens[11], 2, lambda code: code in {"TIMEOUT", "BUSY", "ok"}),
            Stranger("without a token", self, "not-a-token", 1, lambda code: code == "HTTP 401"),
        ]

    def thaw(self) -> None:
        """Also when the soak is broken off: nobody else wakes that process."""
        if self.frozen_pid:
            os.kill(self.frozen_pid, signal.SIGCONT)
            self.frozen_pid = None

    def start(self) -> None:
        for worker in self.workers:
            worker.start()

    def pause(self) -> None:
        """Until no client has a request or a connection."""
        self.calm.set()
        for worker in self.workers:
            worker.idle.wait(60)

    def go_on(self) -> None:
        for worker in self.workers:
            worker.idle.clear()
        self.calm.clear()
