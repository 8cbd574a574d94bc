#!/usr/bin/env python3
"""Mixed load for ten minutes, with PostgreSQL restarted in between: does anything grow, and is every request answered?

    soak.py [--server BINARY] [--write]

SOAK_SECONDS (default 600) is how long. Memory, descriptors, threads and database sessions are watched; they are compared at two
calm moments, after a warm-up and at the end, when no client is connected and the pool is full. A passed run of ten minutes
or more writes its figures into docs/performance.md; a shorter one does so with --write only.
"""
from __future__ import annotations

import argparse
import datetime
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import behaviour
import plot
import processes
from client import Client, call
from contenders import BenchStack
from report import Report
from soak_clients import SLEEP, Soak

from stack import ROOT, StackError, stop_on_sigterm

POOL = 8
ANALYSTS = tuple(f"analyst{n}" for n in range(12)) + tuple(f"filler{n}" for n in range(POOL))
SETTINGS = {"MCP_STATEMENT_TIMEOUT": "2s", "MCP_MAX_BYTES": "1048576", "MCP_POOL_MAX": str(POOL)}
# What may differ between the two calm moments. Nothing that a call opens may stay open: a leak of one in a thousand calls
# would be hundreds of threads, descriptors or sessions by the end; these few are a session that is just being replaced.
# Memory: the allocator keeps what the largest answers at once took, and how many met is chance.
TOLERANCE = {"memory, MiB": 4, "descriptors": 4, "threads": 2, "sessions": 1}


def note(text: str) -> None:
    print(f"soak: {text}", file=sys.stderr, flush=True)


@dataclass
class Figures:
    at: float
    rss: float
    descriptors: int
    threads: int
    sessions: int | None


def look(stack: BenchStack, began: float) -> Figures:
    pid = stack.server.pid
    try:
        sessions = int(stack.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'analytics_ro'"))
    except StackError:  # it is being restarted
        sessions = None
    rss, threads = processes.status(pid, "VmRSS") / 1024, processes.status(pid, "Threads")
    return Figures(time.monotonic() - began, rss, processes.descriptors(pid), threads, sessions)


def calm(soak: Soak, began: float) -> Figures:
    """The figures when no client is connected and every session of the pool exists."""
    soak.pause()
    fillers = [Client(soak.port, token) for token in list(soak.stack.tokens.values())[-POOL:]]
    sleep = call("query", {"sql": SLEEP.format(1, "fill the pool")})
    threads = [threading.Thread(target=client.exchange, args=[client.post(sleep)]) for client in fillers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in fillers:
        client.close()
    time.sleep(3)
    figures = look(soak.stack, began)
    soak.go_on()
    return figures


def restart(soak: Soak, mode: str) -> None:
    with soak.frozen:  # a frozen process would hold up the stop
        outage = [time.monotonic(), float("inf")]
        soak.tally.outages.append(outage)
        soak.stack.restart_postgres(mode)
        outage[1] = time.monotonic()


def run(soak: Soak, seconds: float) -> tuple[list[Figures], Figures, Figures]:
    """Samples, and the figures after the warm-up and at the end."""
    began = time.monotonic()
    warm = min(60.0, 0.25 * seconds)
    times = max(2, round(seconds / 120))
    restarts = [warm + (seconds - warm) * (n + 0.5) / times for n in range(times)]
    soak.start()
    samples: list[Figures] = []
    first: Figures | None = None
    done = 0
    while (now := time.monotonic() - began) < seconds:
        samples.append(look(soak.stack, began))
        if first is None and now >= warm:
            first = calm(soak, began)
            note(f"{now:.0f} s, warm: {first}")
        elif done < len(restarts) and now >= restarts[done]:
            mode = ("fast", "immediate")[done % 2]
            restart(soak, mode)
            done += 1
            note(f"{now:.0f} s, PostgreSQL restarted ({mode})")
        time.sleep(max(1.0, seconds / 300))
    last = calm(soak, began)
    soak.over.set()
    for worker in soak.workers:
        worker.join(60)
    note(f"the end: {last}")
    return samples, first or last, last


def verdict(soak: Soak, first: Figures, last: Figures) -> tuple[str, list[str]]:
    """A Markdown table of the two calm moments, and what is wrong."""
    problems = [f"{problem} ({count} times)" for problem, count in soak.tally.problems.most_common()]
    lines = ["| with no client connected | after the warm-up | at the end | may grow by |", "|---|---:|---:|---:|"]
    pairs = {
        "memory, MiB": (first.rss, last.rss),
        "descriptors": (first.descriptors, last.descriptors),
        "threads": (first.threads, last.threads),
        "sessions": (first.sessions or 0, last.sessions or 0),
    }
    for name, (then, now) in pairs.items():
        lines.append(f"| {name} | {round(then, 1)} | {round(now, 1)} | {TOLERANCE[name]} |")
        if now - then > TOLERANCE[name]:
            problems.append(f"{name} grew from {then:.1f} to {now:.1f}")
    log = soak.stack.server_log.read_text(errors="replace")
    if "panicked" in log:
        problems.append("something panicked: see the server's log")
    if (written := log.count('"event":"call"')) < soak.tally.answered:
        problems.append(f"{soak.tally.answered} calls were answered, and {written} have their audit line")
    return "\n".join(lines), problems


def outcomes(soak: Soak) -> str:
    lines = ["| request | how it ended |", "|---|---|"]
    for kind, counts in soak.tally.counts.items():
        told = ", ".join(f"{f'`{code}`' if code.isupper() else code} {count:,}" for code, count in counts.most_common())
        lines.append(f"| {kind} | {told} |")
    return "\n".join(lines)


def charts(report: Report, samples: list[Figures], outages: list[float]) -> str:
    minutes = [sample.at / 60 for sample in samples]
    memory = {"memory": [(at, sample.rss) for at, sample in zip(minutes, samples)]}
    counts = {
        name: [(at, value) for at, sample in zip(minutes, samples) if (value := getattr(sample, name)) is not None]
        for name in ("descriptors", "threads", "sessions")
    }
    texts = {"x_label": "minutes; dashed: PostgreSQL restarted", "log_x": False, "log_y": False, "events": outages}
    shown = []
    for file, title, unit, lines in (
        ("soak_memory", "Memory under mixed load", "MiB", memory),
        ("soak_counts", "What is open under mixed load", "number", counts),
    ):
        plot.draw(report.plots / f"{file}.svg", title, y_label=unit, lines=lines, **texts)
        shown.append(f"![{title}]({report.plots.name}/{file}.svg)")
    return "\n".join(shown)


def summary(soak: Soak, seconds: float) -> str:
    tally, tolerance, date = soak.tally, TOLERANCE["memory, MiB"], datetime.date.today()
    return (
        f"{date.day} {date:%B %Y}: {tally.calls():,} requests in {seconds / 60:.1f} minutes by {len(soak.workers)} clients, PostgreSQL"
        f" restarted {len(tally.outages)} times, fast and immediate in turn. Every request was answered, with a result or an "
        f"error that can be acted on, but for those of clients that hung up; {tally.reconnected} found their kept connection closed and "
        f"were sent again. Each of the {tally.answered:,} calls that were answered left its audit line. Under load the server held "
        f"{processes.status(soak.stack.server.pid, 'VmHWM') / 1024:.0f} MiB at most. {tolerance} MiB more would be "
        f"{tolerance * 2**20 / tally.calls():.0f} bytes a request."
    )


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", type=Path)
    parser.add_argument("--write", action="store_true", help="write docs/performance.md after a short run, too")
    options = parser.parse_args()
    seconds = float(os.environ.get("SOAK_SECONDS", "600"))
    stop_on_sigterm()
    try:
        with BenchStack(options.server, 50_000, SETTINGS, ANALYSTS) as stack:
            stack.psql(behaviour.FIXTURES)
            soak = Soak(stack, int(stack.url.rsplit(":", 1)[1].split("/")[0]))
            began = time.monotonic()
            try:
                samples, first, last = run(soak, seconds)
            finally:
                soak.over.set()
                soak.thaw()
            table, problems = verdict(soak, first, last)
            if problems:
                print("\n\n".join([table, outcomes(soak)]) + "\n", flush=True)
                for problem in problems[:20]:
                    note(problem)
                log = [line for line in stack.server_log.read_text(errors="replace").splitlines() if '"event":"call"' not in line]
                note("FAILED; the end of the server's log, without its calls:\n" + "\n".join(log[-20:]))
                return 1
            report = Report(keep=options.write or seconds >= 600)
            outages = [(begin - began) / 60 for begin, _ in soak.tally.outages]
            text = "\n\n".join([summary(soak, seconds), table, charts(report, samples, outages), outcomes(soak)])
            print(text + "\n", flush=True)
            report.section("soak", text)
            print(f"soak: passed; written: {report.page}")
            return 0
    except StackError as error:
        note(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
