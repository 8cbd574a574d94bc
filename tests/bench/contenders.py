"""What is measured side by side on one database: this server, MCP Toolbox, a baseline of the caller's, and pgbench as the floor."""
from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import processes
from client import Client, outcome, query

from stack import ROOT, Stack, StackError, free_port, postgres_bin, tail

OURS = "analytics_mcp"
HERE = Path(__file__).resolve().parent
TOOLBOX_VERSION = "1.12.0"
TOOLBOX_HOME = ROOT / f"target/tools/toolbox-{TOOLBOX_VERSION}"
TOOLBOX = TOOLBOX_HOME / "node_modules/@toolbox-sdk/server-linux-x64/bin/toolbox"
# As many database sessions as this server has by default; Toolbox's own default is 4.
TOOLBOX_TOOLS = """kind: source
name: fleet
type: postgres
host: {host}
port: {port}
database: {database}
user: {user}
password: {password}
queryParams:
  pool_max_conns: "8"
---
kind: tool
name: query
type: postgres-execute-sql
source: fleet
description: Runs SQL on the fleet database.
"""


@dataclass
class Sample:
    """What one load of one contender gave."""

    calls: int
    seconds: float
    p50: float = 0  # ms
    p99: float = 0
    # processor seconds of the contender, of PostgreSQL, of the load generator, and of the whole machine
    cpu: tuple[float, float, float, float] = (0, 0, 0, 0)

    @property
    def rate(self) -> float:
        return self.calls / self.seconds

    @property
    def ms(self) -> float:
        """Milliseconds a call, if there was one client: the median, or the mean of pgbench, which tells no other."""
        return self.p50 or 1000 / self.rate


def run_group(command: list[object], timeout: float, **options: object) -> tuple[str, float]:
    """Runs a load generator to its end; what it printed and the processor seconds it took."""
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, **options,
    )
    try:
        before = os.times()
        out, _ = process.communicate(timeout=timeout)
        after = os.times()
    except subprocess.TimeoutExpired:
        raise StackError(f"{command[0]} did not end") from None
    finally:
        processes.stop(process)
    if process.returncode != 0:
        raise StackError(f"{command[0]} failed:\n{out[-2000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return out, spent


class Contender:
    """A server: started by a command, listening on a port of its own."""

    def __init__(self, name: str, command: str, stack: Stack, settings: dict[str, str], limits: bool) -> None:
        """`limits`: whether it knows `max_rows`; if not, the SQL needs a LIMIT."""
        self.name, self.command, self.stack, self.settings, self.limits = name, command, stack, settings, limits
        self.tokens = list(stack.tokens.values())
        self.process: subprocess.Popen | None = None
        self.folder = Path(stack.server_log.parent)
        self.log = self.folder / f"bench-{name.replace(' ', '-')}.log"

    def start(self) -> float:
        """Seconds from the start of the process to the first answered tools/call."""
        self.port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MCP_", "DATABASE_URL"))},
            "DATABASE_URL": self.stack.database_url,
            "MCP_AUTH_TOKENS": ",".join(f"{name}:{token}" for name, token in self.stack.tokens.items()),
            "PORT": str(self.port),
            **{name: value.format(port=self.port) for name, value in self.settings.items()},
        }
        client = Client(self.port, self.tokens[-1], timeout=10)
        request = client.post(query("SELECT 1 AS one"))
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
        processes.stop(self.process)
        self.process = None

    def pids(self) -> list[int]:
        return processes.of_session(self.process.pid)

    def memory(self, field: str) -> float:
        """VmRSS or VmHWM in MiB, of all its processes."""
        return sum(processes.status(pid, field) for pid in self.pids()) / 1024

    def ask(self, message: bytes) -> tuple[bytes, int]:
        """An answer and its bytes on the wire."""
        client = Client(self.port, self.tokens[-1])
        try:
            return client.send(client.post(message)), client.received
        finally:
            client.close()

    def failures(self) -> int:
        """How many calls failed so far, as far as it tells."""
        if self.name != OURS:
            return 0
        client = Client(self.port, self.tokens[-1])
        lines = client.send(client.get("/metrics")).decode().splitlines()
        client.close()
        return sum(int(line.split()[-1]) for line in lines if line.startswith("analytics_mcp_failures_total{"))

    def measure(self, message: bytes, clients: int, seconds: int) -> Sample:
        """Sends one message over and over by wrk; the answers have to be as long as one that was looked at."""
        answer, expected = self.ask(message)
        if outcome(answer) != "ok":
            raise StackError(f"{self.name} does not answer {message[:200]!r}: {answer[:500]!r}")
        body, tokens = self.folder / "wrk.body", self.folder / "wrk.tokens"
        body.write_bytes(message)
        tokens.write_text("\n".join(self.tokens[: max(8, clients)]) + "\n")
        failures, before = self.failures(), self._spent()
        out, spent = run_group(
            ["wrk", "-t", 1, "-c", clients, "-d", f"{seconds}s", "--timeout", "30s", "-s", HERE / "wrk.lua",
             f"http://127.0.0.1:{self.port}/mcp", "--", body, tokens],
            timeout=seconds + 60,
        )  # fmt: skip
        server, database, machine = (after - before for before, after in zip(before, self._spent()))
        told = json.loads(out.strip().splitlines()[-1])
        if not told["calls"] and not told["failed"] and seconds < 30:
            return self.measure(message, clients, 4 * seconds)  # slower than that
        # at the end of the time each client has a part of one more answer
        fits = 0.95 * told["calls"] <= told["bytes"] / expected <= 1.05 * (told["calls"] + clients)
        # and wrk gives up the calls that are under way
        fits &= self.failures() - failures <= clients
        if not told["calls"] or told["failed"] or not fits:
            raise StackError(f"{self.name}, {clients} clients: {told}, but an answer has {expected} bytes: {message[:200]!r}")
        return Sample(told["calls"], told["seconds"], told["p50"], told["p99"], (server, database, spent, machine))

    def _spent(self) -> tuple[float, float, float]:
        return processes.cpu_seconds(self.pids()), self.stack.postgres_spent(), processes.machine_seconds()


class PgBench:
    """The same SQL in a read-only transaction, straight from PostgreSQL: what no server in front of it can beat."""

    name = "pgbench"
    limits = False

    def __init__(self, stack: Stack) -> None:
        self.stack, self.url = stack, urlparse(stack.database_url)

    def measure(self, message: bytes, clients: int, seconds: int) -> Sample:
        sql = json.loads(message)["params"]["arguments"]["sql"]
        script = Path(self.stack.server_log.parent) / "pgbench.sql"
        script.write_text(f"BEGIN READ ONLY;\n{sql};\nROLLBACK;\n")
        before = self.stack.postgres_spent(), processes.machine_seconds()
        out, spent = run_group(
            [postgres_bin() / "pgbench", "-n", "-h", self.url.hostname, "-p", self.url.port, "-U", self.url.username, "-c", clients,
             "-j", min(clients, 2), "-T", seconds, "-f", script, self.url.path[1:]],
            timeout=seconds + 60, env={**os.environ, "PGPASSWORD": self.url.password or ""},
        )  # fmt: skip
        database, machine = self.stack.postgres_spent() - before[0], processes.machine_seconds() - before[1]
        calls = int(re.search(r"actually processed: (\d+)", out)[1])
        rate = float(re.search(r"^tps = ([\d.]+)", out, re.MULTILINE)[1])
        if not calls:
            raise StackError(f"pgbench did nothing:\n{out[-2000:]}")
        return Sample(calls, calls / rate, cpu=(0, database, spent, machine))


class BenchStack(Stack):
    """The stack, with what measurements need of its database."""

    def postgres_spent(self) -> float:
        """Processor seconds of PostgreSQL, of its ended sessions too."""
        return processes.family_seconds(self.postgres_pid)

    @property
    def postgres_user(self) -> dict:
        """As whom PostgreSQL runs if not as this process: arguments of subprocess."""
        return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def note(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def install_toolbox() -> bool:
    """Fetches MCP Toolbox once; says so where that cannot be."""
    if TOOLBOX.exists():
        return True
    if platform.machine() != "x86_64" or not shutil.which("npm"):
        note("without MCP Toolbox: its package is for x86_64, and npm fetches it")
        return False
    note(f"fetching MCP Toolbox {TOOLBOX_VERSION} ...")
    TOOLBOX_HOME.mkdir(parents=True, exist_ok=True)
    package = f"@toolbox-sdk/server-linux-x64@{TOOLBOX_VERSION}"
    try:
        run_group(["npm", "install", "--prefix", TOOLBOX_HOME, "--no-audit", "--no-fund", "--ignore-scripts", package], timeout=600)
    except StackError as error:
        note(f"without MCP Toolbox: {error}")
    return TOOLBOX.exists()


def contenders(stack: Stack, server: Path, settings: dict[str, str]) -> list[Contender | PgBench]:
    """This server first; then what there is to compare it with."""
    found: list[Contender | PgBench] = [
        Contender(OURS, f"exec '{server.resolve()}'", stack, {"MCP_LISTEN": "127.0.0.1:{port}", **settings}, limits=True)
    ]
    if install_toolbox():
        url = urlparse(stack.database_url)
        tools = Path(stack.server_log.parent) / "tools.yaml"
        tools.write_text(
            TOOLBOX_TOOLS.format(host=url.hostname, port=url.port, database=url.path[1:], user=url.username, password=url.password)
        )
        command = f"exec '{TOOLBOX}' --config '{tools}' --port \"$PORT\" --disable-reload --disable-version-check --log-level ERROR"
        found.append(Contender("MCP Toolbox", command, stack, {}, limits=False))
    if os.environ.get("BASELINE_CMD"):
        name = os.environ.get("BASELINE_NAME", "baseline")
        found.append(Contender(name, os.environ["BASELINE_CMD"], stack, {}, limits=True))
    found.append(PgBench(stack))
    return found
