"""A throw-away PostgreSQL with the demo fleet and the server in front of it, for tests and measurements.

    with Stack(server="target/release/analytics_mcp") as stack:
        ...  # stack.url, stack.tokens["alice"], stack.server_pid

Needs PostgreSQL with PostGIS on this machine; without them it fails, it never skips. What it starts runs in sessions of its
own and is stopped by its pid when the block is left: at the end, on an error, on Ctrl-C and on SIGTERM.
"""
from __future__ import annotations

import glob
import http.client
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


def postgres_bin() -> Path:
    """The folder of the newest PostgreSQL that has PostGIS; PG_BIN, if set, decides alone."""
    given = os.environ.get("PG_BIN")
    on_path = [str(Path(os.path.realpath(found)).parent) for found in [shutil.which("postgres")] if found]
    folders = [given] if given else on_path + glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin")
    found = []
    for folder in map(Path, folders):
        if not (folder / "initdb").exists():
            continue
        version = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
        major = int(re.search(r"(\d+)", version)[1])
        shares = [Path(f"/usr/share/postgresql/{major}"), folder.parent / "share", folder.parent / "share/postgresql"]
        if any((share / "extension/postgis.control").exists() for share in shares):
            found.append((major, folder))
    if not found:
        raise StackError(
            "PostgreSQL with PostGIS not found: install it (Debian: postgresql-15 and postgresql-15-postgis-3), "
            "or set PG_BIN to the folder that holds initdb"
        )
    return max(found)[1]


class Stack:
    """The database and the server, both on free ports of 127.0.0.1, in one temporary folder."""

    def __init__(
        self,
        server: str | Path,
        positions: int = 5000,
        settings: dict[str, str] | None = None,
        analysts: tuple[str, ...] = ("alice",),
        postgres_settings: dict[str, str] | None = None,
    ) -> None:
        self.server_binary = Path(server).resolve()
        self.positions = positions
        self.settings = settings or {}
        self.postgres_settings = postgres_settings or {}
        self.tokens = {name: secrets.token_hex(24) for name in analysts}
        self.url = ""
        self.database_url = ""
        self.server: subprocess.Popen | None = None
        self._servers: list[subprocess.Popen] = []
        self._postgres: subprocess.Popen | None = None
        self._dir: Path | None = None

    # What a test may ask ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def token(self) -> str:
        return next(iter(self.tokens.values()))

    @property
    def server_log(self) -> Path:
        return self._dir / "server.log"

    # Start and stop ─────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Stack:
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
        # SIGINT: a fast shutdown, without waiting for clients; SIGQUIT: at once.
        self._end(self._postgres, [(signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)])
        self._postgres = None
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
        self._bin = postgres_bin()
        self._dir = Path(tempfile.mkdtemp(prefix="analytics_mcp-stack."))
        # PostgreSQL refuses to run as root.
        self._as_user: dict[str, object] = {}
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                raise StackError("the user postgres is missing, and the database does not run as root") from None
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._dir, user.pw_uid, user.pw_gid)
        data = self._dir / "data"
        self._run(
            [self._bin / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]
            + ["--auth-local=trust", "--auth-host=scram-sha-256"],
            "initdb",
            cwd="/",
            **self._as_user,
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._dir),
            "password_encryption": "scram-sha-256",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_wal_size": "4GB",
            "shared_buffers": "128MB",
            "log_line_prefix": "%m [%p] %u ",
            **self.postgres_settings,
        }
        shm = os.statvfs("/dev/shm") if os.path.isdir("/dev/shm") else None
        if shm is None or shm.f_bavail * shm.f_frsize < 256 << 20:
            settings["dynamic_shared_memory_type"] = "mmap"
        log = self._dir / "postgres.log"
        for _ in range(3):  # a free port can be taken by someone else before it is used
            self._port = free_port()
            arguments = [str(self._bin / "postgres"), "-D", str(data), "-p", str(self._port)]
            for name, value in settings.items():
                arguments += ["-c", f"{name}={value}"]
            with log.open("ab") as out:
                self._postgres = subprocess.Popen(
                    arguments, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **self._as_user
                )
            if self._wait(self._postgres, self._postgres_is_ready, 60):
                return
        raise StackError(f"PostgreSQL did not start:\n{tail(log)}")

    def _postgres_is_ready(self) -> bool:
        ready = [self._bin / "pg_isready", "-q", "-h", self._dir, "-p", str(self._port), "-U", "postgres"]
        return subprocess.run(ready, stdin=subprocess.DEVNULL).returncode == 0

    def _load(self) -> None:
        self.psql("CREATE DATABASE " + DATABASE, database="postgres")
        self._run(
            [ROOT / "scripts/demo/load.sh", self.superuser_dsn(DATABASE), str(self.positions)],
            "load",
            env={**os.environ, "PATH": f"{self._bin}:{os.environ['PATH']}"},
        )
        password = secrets.token_hex(16)
        self.psql(f"\\set ro_pw {password}\n" + (ROOT / "scripts/analytics_ro_role.sql").read_text())
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
        return f"host={self._dir} port={self._port} user=postgres dbname={database}"

    def psql(self, text: str, database: str = DATABASE) -> str:
        """Runs a script as the superuser and returns what it printed."""
        command = [self._bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.superuser_dsn(database)]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise StackError(f"psql failed:\n{done.stderr.strip()}")
        return done.stdout

    def start_server(self, wait: bool = True) -> None:
        """Starts the server; with `wait`, until /healthz answers."""
        self.server, self.url = self._launch(self.server_log, {}, wait)

    def start_another_server(self, name: str, **settings: str) -> str:
        """One more server on the same database, with settings of its own, until the stack ends; returns its URL."""
        return self._launch(self._dir / f"{name}.log", settings)[1]

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
            if not wait or self._wait(server, lambda: healthy(port), 30):
                return server, f"http://127.0.0.1:{port}/mcp"
        raise StackError(f"the server did not start:\n{tail(log)}")

    def stop_server(self) -> None:
        self._end(self.server, [(signal.SIGTERM, 15), (signal.SIGKILL, 5)])
        self.server = None

    def _run(self, command: list[object], name: str, **options: object) -> None:
        log = self._dir / f"{name}.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options
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
