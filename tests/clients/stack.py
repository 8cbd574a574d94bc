"""A throw-away PostgreSQL with the demo fleet and the server in front of it, for tests and measurements.

    with Stack(server="target/release/analytics_mcp") as stack:
        ...  # stack.url, stack.tokens["alice"], stack.server_pid

With hidden_columns, a file as docs/hidden-columns.md has it, these are hidden. Without it analysts may read the whole demo.

Needs PostgreSQL with PostGIS on this machine; without them it fails, it never skips. What it starts runs in sessions of its
own and is stopped by its pid when the block is left: at the end, on an error, on Ctrl-C and on SIGTERM. PostgreSQL comes from
tests/postgres, which stops it even when this process is killed.
"""
from __future__ import annotations

import base64
import functools
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
KEEPER = ROOT / "tests/postgres"
DATABASE = "tracksolid_db"
ROLE = "analytics_ro"


class StackError(Exception):
    """The stack cannot be started: what is missing, or the end of the log of what failed."""


def stop_on_sigterm() -> None:
    """Lets SIGTERM and SIGHUP end this process the way Ctrl-C does, so that everything started is stopped."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tail(path: Path, lines: int = 20) -> str:
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _said(lines: Iterable[str], last: set[str]) -> list[str]:
    """What tests/postgres says, up to and with one of these lines."""
    said = []
    for line in lines:
        said.append(line.rstrip("\n"))
        if said[-1] in last:
            return said
    raise StackError("\n".join(["tests/postgres failed:", *said]))


def postgres_bin() -> Path:
    """The folder of PostgreSQL's programs."""
    done = subprocess.run([KEEPER, "--where"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(done.stdout.strip())
    return Path(done.stdout.splitlines()[0].removeprefix("bin="))


class Stack:
    """The database and the server, both on free ports of 127.0.0.1, each in a temporary folder."""

    def __init__(
        self,
        server: str | Path,
        positions: int = 5000,
        settings: dict[str, str] | None = None,
        analysts: tuple[str, ...] = ("alice",),
        postgres_settings: dict[str, str] | None = None,
        hidden_columns: Path | None = None,
    ) -> None:
        self.server_binary = Path(server).resolve()
        self.positions = positions
        listed = {"MCP_HIDDEN_COLUMNS_FILE": str(hidden_columns)} if hidden_columns else {}
        self.settings = {**listed, **(settings or {})}
        self.postgres_settings = postgres_settings or {}
        self.hidden_columns = hidden_columns
        self.tokens = {name: secrets.token_hex(24) for name in analysts}
        self.url = ""
        self.database_url = ""
        self.server: subprocess.Popen | None = None
        self._servers: list[subprocess.Popen] = []
        self._keeper: subprocess.Popen | None = None
        self._dir: Path | None = None

    # What a test may ask ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def token(self) -> str:
        return next(iter(self.tokens.values()))

    @property
    def server_log(self) -> Path:
        return self.log_of("server")

    def log_of(self, name: str) -> Path:
        """Where another server's log is, or anything else that is to go with the stack."""
        return self._dir / f"{name}.log"

    @property
    def postgres_log(self) -> Path:
        return self._postgres_dir / "log"

    @property
    def postgres_pid(self) -> int:
        """Another one after a restart."""
        return int((self._postgres_dir / "data/postmaster.pid").read_text().split()[0])

    # Start and stop ─────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        try:
            self._start_postgres()
            self._load()
            self.start_server()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for server in self._servers:
            self._end(server, [(signal.SIGTERM, 15), (signal.SIGKILL, 5)])
        self.server = None
        if self._keeper:
            self._keeper.stdin.close()  # it then stops PostgreSQL, in bounded time
            self._keeper.wait()
            self._keeper.stdout.close()
            self._keeper = None
        if self._dir:
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    @staticmethod
    def _end(process: subprocess.Popen | None, steps: list[tuple[signal.Signals, int]]) -> None:
        for number, seconds in steps:
            if process is None or process.poll() is not None:
                return
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def _start_postgres(self) -> None:
        self._dir = Path(tempfile.mkdtemp(prefix="analytics_mcp-stack."))
        settings = {
            "max_wal_size": "4GB",
            "shared_buffers": "128MB",
            "log_line_prefix": "%m [%p] %u ",
            **self.postgres_settings,
        }
        self._keeper = subprocess.Popen(
            [KEEPER, *(f"{name}={value}" for name, value in settings.items())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        said = dict(line.partition("=")[::2] for line in _said(self._keeper.stdout, {"ready"}))
        self._bin, self._postgres_dir, self._port = Path(said["bin"]), Path(said["dir"]), int(said["port"])

    def restart_postgres(self, mode: str) -> None:
        """`fast`: sessions are ended; `immediate`: as after a crash."""
        for command in (f"stop {mode}", "start"):
            self._keeper.stdin.write(f"{command}\n")
            self._keeper.stdin.flush()
            said = _said(self._keeper.stdout, {"done", "failed"})
            if said[-1] == "failed":
                raise StackError("\n".join(said))

    def _load(self) -> None:
        self.psql("CREATE DATABASE " + DATABASE, database="postgres")
        self._run(
            [ROOT / "scripts/demo/load.sh", self.superuser_dsn(DATABASE), str(self.positions)],
            "load",
            env={**os.environ, "PATH": f"{self._bin}:{os.environ['PATH']}"},
        )
        password = secrets.token_hex(16)
        self.psql(f"\\set ro_pw {password}\n" + (ROOT / "scripts/analytics_ro_role.sql").read_text())
        if self.hidden_columns:
            rules = base64.b64encode(self.hidden_columns.read_bytes()).decode()
            self.psql(f"\\set rules {rules}\n\\set apply on\n" + (ROOT / "scripts/hide_columns.sql").read_text())
        self.database_url = f"postgresql://{ROLE}:{password}@127.0.0.1:{self._port}/{DATABASE}"

    def environment(self) -> dict[str, str]:
        """What the client tests read."""
        return {
            "ANALYTICS_URL": self.url,
            "ANALYTICS_TOKEN": self.token,
            "ANALYTICS_ANALYST": next(iter(self.tokens)),
            "ANALYTICS_SERVER_LOG": str(self.server_log),
            "ANALYTICS_PSQL": str(self._bin / "psql"),
            "ANALYTICS_SUPERUSER_DSN": self.superuser_dsn(DATABASE),
        }

    def superuser_dsn(self, database: str) -> str:
        return f"host={self._postgres_dir} port={self._port} user=postgres dbname={database}"

    def psql(self, text: str, database: str = DATABASE) -> str:
        """Runs a script as the superuser and returns what it printed."""
        command = [self._bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.superuser_dsn(database)]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"psql failed:\n{done.stderr.strip()}")
        return done.stdout

    def start_server(self, wait: bool = True) -> None:
        """Starts the server; with `wait`, until /healthz answers."""
        self.server, self.url = self._launch(self.server_log, {}, wait)

    def start_another_server(self, name: str, **settings: str) -> str:
        """One more server on the same database, with settings of its own, until the stack ends; returns its URL."""
        return self._launch(self.log_of(name), settings)[1]

    def _launch(self, log: Path, more: dict[str, str], wait: bool = True) -> tuple[subprocess.Popen, str]:
        if not os.access(self.server_binary, os.X_OK):
            raise StackError(f"{self.server_binary} is not there: cargo build --release --locked makes it")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
        for _ in range(3):
            port = free_port()
            settings = {
                "DATABASE_URL": self.database_url,
                "MCP_AUTH_TOKENS": ",".join(f"{name}:{token}" for name, token in self.tokens.items()),
                "MCP_LISTEN": f"127.0.0.1:{port}",
                "MCP_PUBLIC_URL": f"http://127.0.0.1:{port}",
                **self.settings,
                **more,
            }
            with log.open("ab") as out:
                server = subprocess.Popen(
                    [self.server_binary],
                    env={**kept, **settings},
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            self._servers.append(server)
            if not wait or self._wait(server, functools.partial(healthy, port), 30):
                return server, f"http://127.0.0.1:{port}/mcp"
        raise StackError(f"the server did not start:\n{tail(log)}")

    def stop_server(self) -> None:
        self._end(self.server, [(signal.SIGTERM, 15), (signal.SIGKILL, 5)])
        self.server = None

    def _run(self, command: list[object], name: str, **options: object) -> None:
        log = self._dir / f"{name}.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **options
            )
        if done.returncode != 0:
            raise StackError(f"{name} failed:\n{tail(log)}")

    @staticmethod
    def _wait(process: subprocess.Popen, ready: object, seconds: float) -> bool:
        """Waits until it is ready; false when the process ended or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            if ready():
                return True
            time.sleep(0.05)
        Stack._end(process, [(signal.SIGTERM, 5), (signal.SIGKILL, 5)])
        return False


def healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
