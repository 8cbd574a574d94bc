"""What PgBouncer in transaction mode costs between the server and PostgreSQL."""
from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlparse

import processes
from compare import WORKS
from contenders import BenchStack, Contender, note

from stack import free_port

CONFIG = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 8
ignore_startup_parameters = extra_float_digits,options
logfile = {folder}/log
"""


def run(stack: BenchStack, server: Contender, rounds: int, seconds: int) -> str:
    """A Markdown table, direct and pooled in turns; a sentence where PgBouncer is missing."""
    binary = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:" + os.environ["PATH"])
    if not binary:
        return "PgBouncer was not installed where these figures were taken."
    note("PgBouncer ...")
    url, listen = urlparse(stack.database_url), free_port()
    folder = Path(tempfile.mkdtemp(prefix="analytics_mcp-bench."))  # nobody but its owner reads the stack's
    (folder / "users.txt").write_text(f'"{url.username}" "{url.password}"\n')
    (folder / "pgbouncer.ini").write_text(CONFIG.format(host=url.hostname, port=url.port, listen=listen, folder=folder))
    if user := stack.postgres_user:  # it refuses to run as root, too
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user["user"], user["group"])
    bouncer = subprocess.Popen(
        [binary, folder / "pgbouncer.ini"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True, **(user or {}),
    )  # fmt: skip
    pooled_url = stack.database_url.replace(f":{url.port}/", f":{listen}/")
    pooled = Contender("pooled", server.command, stack, {**server.settings, "DATABASE_URL": pooled_url}, limits=True)
    try:
        time.sleep(0.5)
        pooled.start()
        lines = ["| calls a second, 8 clients | direct | through PgBouncer |", "|---|---:|---:|"]
        for work in WORKS[:3]:
            rates: dict[str, list[float]] = {}
            for _ in range(rounds):
                for contender in (server, pooled):
                    rates.setdefault(contender.name, []).append(contender.measure(work.message(contender), 8, seconds).rate)
            lines.append(f"| {work.name} | " + " | ".join(f"{statistics.median(each):,.0f}" for each in rates.values()) + " |")
        return "\n".join(lines)
    finally:
        pooled.stop()
        processes.stop(bouncer)
        shutil.rmtree(folder, ignore_errors=True)
