#!/usr/bin/env python3
"""SQLsmith's queries through the running server: what the guard admits must not crash PostgreSQL, must be answered in time and
with JSON, and must leave the server's memory as it was. Prints figures; exits with 1 when something is wrong.

    fuzz_sqlsmith.py [--server BINARY] [--seconds N] [--seed N]

SQLsmith (Debian: apt-get install sqlsmith) only writes the texts. It reads its words from a copy of the database in which it
cannot see the functions that the guard refuses anyway: with all of them, hardly a text would get past the guard.
Needs nothing else but Python and PostgreSQL with PostGIS.
"""
from __future__ import annotations

import argparse
import collections
import http.client
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "clients"))
from stack import DATABASE, ROOT, Stack, StackError, stop_on_sigterm

LIMIT = 1.0
"""Seconds that a statement may run."""
ANSWERED = LIMIT + 5
"""Seconds within which a call must be answered."""
PARALLEL = 4
MOST_GROWTH = 64
"""MiB that the server may grow by."""
GENERATOR = "sqlsmith_words"

# Codes that are not the guard's.
OTHERS = {"ARGUMENT", "NOT_FOUND", "SQL_ERROR", "TIMEOUT", "CANCELLED", "BUSY", "DATABASE_UNAVAILABLE", "ROLE_UNFIT"}


class Client:
    """One keep-alive connection."""

    def __init__(self, stack: Stack, analyst: str) -> None:
        self._address = urllib.parse.urlsplit(stack.url)
        self._headers = {"Authorization": f"Bearer {stack.tokens[analyst]}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def query(self, sql: str) -> tuple[str, str]:
        """Sends a text; returns how it ended, and what is wrong with the answer if anything is."""
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": sql}}}
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._address.hostname, self._address.port, timeout=ANSWERED)
        began = time.monotonic()
        try:
            self._connection.request("POST", self._address.path, json.dumps(call), self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._connection = None
            return "no answer", f"{error!r} after {time.monotonic() - began:.1f} s"
        took = time.monotonic() - began
        try:
            content = json.loads(body)["result"]["content"]
            text = strict(content[0]["text"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return "bad answer", f"{response.status}, {error!r}: {body[:300]!r}"
        if took > ANSWERED:
            return "late", f"answered after {took:.1f} s"
        if "error" not in text:
            return ("rows" if text["rows"] else "no rows"), ""
        code, state = text["error"]["code"], text["error"].get("sqlstate")
        if code not in OTHERS:
            return f"refused: {code}", ""
        return (f"SQLSTATE {state}" if code == "SQL_ERROR" else code), ""


def strict(text: str) -> dict:
    """JSON as the standard has it: Python would take NaN too, and no number of more than 4,300 digits."""

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_constant=no_constant, parse_int=str, parse_float=str)


def make_words(stack: Stack) -> str:
    """Makes the database of the words: a copy without the functions and relations that no text may use. Says what is in it."""
    # PostgreSQL copies no database that somebody uses.
    stack.stop_server()
    stack.psql(f"CREATE DATABASE {GENERATOR} TEMPLATE {DATABASE}", database="postgres")
    stack.start_server()
    client = Client(stack, "alice")

    def names(of: str) -> list[str]:
        return stack.psql(f"SELECT DISTINCT format('%I.%I', {of} ORDER BY 1", database=GENERATOR).split("\n")[:-1]

    def array(values: list[str]) -> str:
        return "ARRAY[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]::text[]"

    functions = names("n.nspname, p.proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace")
    # A call without arguments is refused by its name, or by PostgreSQL for its arguments.
    refused = [name for name in functions if client.query(f"SELECT {name}()")[0].startswith("refused")]
    relations = names("table_schema, table_name) FROM information_schema.tables")
    readable = [name for name in relations if client.query(f"SELECT FROM {name} LIMIT 0")[0] == "no rows"]
    # SQLsmith leaves window functions out, and finds the relations in this view.
    stack.psql(
        f"""SET allow_system_table_mods = on;
        UPDATE pg_proc p SET prokind = 'w' FROM pg_namespace n
         WHERE n.oid = p.pronamespace AND format('%I.%I', n.nspname, p.proname) = ANY ({array(refused)});
        ALTER VIEW information_schema.tables RENAME TO all_tables;
        CREATE VIEW information_schema.tables AS SELECT * FROM information_schema.all_tables
         WHERE format('%I.%I', table_schema, table_name) = ANY ({array(readable)})""",
        database=GENERATOR,
    )
    return f"{len(functions)} function names, {len(refused)} of them refused; {len(readable)} of {len(relations)} relations can be read"


class Writer(threading.Thread):
    """Runs SQLsmith again and again and puts its texts into a queue."""

    def __init__(self, dsn: str, seed: int, options: list[str], texts: queue.Queue, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self.dsn, self.seed, self.options, self.texts, self.end = dsn, seed, options, texts, end
        self.runs = 0

    def run(self) -> None:
        while not self.end.is_set():
            command = ["sqlsmith", f"--target={self.dsn}", "--dry-run", "--max-queries=1000", f"--seed={self.seed}", *self.options]
            self.seed += 2
            self.runs += 1
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
            )
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line.rstrip().endswith(";"):
                    # Data changes are the guard's tests' affair; here they would be refused one and all.
                    text = "".join(lines).strip().rstrip(";")
                    lines = []
                    if re.match(r"(?i)\s*(select|with)\b", text):
                        self._put(text)
                if self.end.is_set():
                    process.kill()
                    break
            process.wait()

    def _put(self, text: str) -> None:
        while not self.end.is_set():
            try:
                self.texts.put(text, timeout=0.5)
                return
            except queue.Full:
                continue


class Figures:
    """What came of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.endings: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        self.slowest = 0.0


def send(stack: Stack, analyst: str, texts: queue.Queue, end: threading.Event, figures: Figures) -> None:
    client = Client(stack, analyst)
    while not end.is_set():
        try:
            text = texts.get(timeout=0.5)
        except queue.Empty:
            continue
        began = time.monotonic()
        ending, wrong = client.query(text)
        took = time.monotonic() - began
        with figures.lock:
            figures.endings[ending] += 1
            figures.slowest = max(figures.slowest, took)
            if wrong:
                figures.wrong.append(f"{ending}: {wrong}\n{text}")


def memory(pid: int, what: str) -> int:
    """`VmRSS` or `VmHWM` of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+)", status, re.MULTILINE)[1]) // 1024


def crashes(stack: Stack) -> list[str]:
    """What PostgreSQL's log says of processes that died by a signal, each with the text that it ran."""
    log = stack.postgres_log.read_text(errors="replace").replace("\n\t", "\n")
    return re.findall(r"was terminated by signal.*?(?=\n\d{4}-\d\d-\d\d [^\n]*LOG:)", log, re.DOTALL)


def run(stack: Stack, seconds: float, seed: int) -> int:
    print(f"{make_words(stack)}; seed {seed}", flush=True)
    texts: queue.Queue = queue.Queue(maxsize=500)
    end, figures = threading.Event(), Figures()
    dsn = stack.superuser_dsn(GENERATOR)
    # Half of the texts read the system catalog as well.
    writers = [Writer(dsn, seed, [], texts, end), Writer(dsn, seed + 1, ["--exclude-catalog"], texts, end)]
    senders = [
        threading.Thread(target=send, args=(stack, analyst, texts, end, figures), daemon=True)
        for analyst in ["alice", "bob"] * (PARALLEL // 2)
    ]
    before = memory(stack.server.pid, "VmRSS")
    for thread in [*writers, *senders]:
        thread.start()
    began = time.monotonic()
    while time.monotonic() - began < seconds and stack.server.poll() is None:
        time.sleep(0.5)
    took = time.monotonic() - began
    end.set()
    for thread in senders:
        thread.join(ANSWERED + 5)
    if stack.server.poll() is not None:
        figures.wrong.append(f"the server ended with {stack.server.returncode}")
        peak = before
    else:
        peak = memory(stack.server.pid, "VmHWM")
    for thread in writers:
        thread.join(10)

    sent = sum(figures.endings.values())
    refused = sum(count for ending, count in figures.endings.items() if ending.startswith("refused"))
    answered = figures.endings["rows"] + figures.endings["no rows"]
    print(f"{sent} texts in {took:.0f} s: {sent - refused} admitted, {answered} answered with a result, {figures.endings['rows']} with rows")
    print(", ".join(f"{ending} {count}" for ending, count in figures.endings.most_common()))
    print(f"slowest answer {figures.slowest:.1f} s; server memory {before} MiB before, {peak} MiB at most")
    wrong = figures.wrong + [f"PostgreSQL crashed: {crash}" for crash in crashes(stack)]
    if peak > before + MOST_GROWTH:
        wrong.append(f"the server grew from {before} to {peak} MiB")
    if sent < 10 * seconds / 2 or answered < sent / 50:
        wrong.append("too little was tried for this to mean anything")
    for what in wrong[:20]:
        print(f"WRONG: {what[:3000]}\n")
    print(f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=ROOT / "target/release/analytics_mcp", help="default: target/release/analytics_mcp")
    parser.add_argument("--seconds", type=float, default=180, help="how long texts are sent (default 180)")
    parser.add_argument("--seed", type=int, default=1, help="SQLsmith's first seed (default 1)")
    options = parser.parse_args()
    stop_on_sigterm()
    if not shutil.which("sqlsmith"):
        print("fuzz_sqlsmith.py: sqlsmith not found; on Debian: apt-get install sqlsmith", file=sys.stderr)
        return 2
    settings = {"MCP_STATEMENT_TIMEOUT": f"{int(LIMIT * 1000)}ms"}
    postgres = {"log_min_messages": "log", "track_activity_query_size": "65536"}
    try:
        with Stack(options.server, settings=settings, analysts=("alice", "bob"), postgres_settings=postgres) as stack:
            return run(stack, options.seconds, options.seed)
    except StackError as error:
        print(f"fuzz_sqlsmith.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
