"""What is measured of each server by itself: its start, its memory, /healthz under load, and fairness between analysts."""
from __future__ import annotations

import statistics
import time

from client import Load, query, show
from contenders import Contender, note

SMALL = query("SELECT plate, driver_name FROM tracksolid.devices WHERE device_id = 7")
HEAVY = query("SELECT count(*), max(sqrt(n)) FROM generate_series(1, 1500000) AS n")

# A sleep for the measurements, since a server refuses pg_sleep, as it should.
FIXTURES = """
CREATE FUNCTION reporting.bench_sleep(seconds float8) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS 'BEGIN PERFORM pg_sleep(seconds); RETURN 1; END';
GRANT EXECUTE ON FUNCTION reporting.bench_sleep(float8) TO analytics_ro;
"""

Rows = list[tuple[str, str]]


def sleep(seconds: float) -> bytes:
    return query(f"SELECT reporting.bench_sleep({seconds})")


def start(server: Contender, seconds: int) -> Rows:
    times = []
    for _ in range(7 if seconds > 1 else 3):
        server.stop()
        times.append(1000 * server.start())
    time.sleep(1)
    took = f"{show(min(times))} / {show(statistics.median(times))} ms"
    return [
        (f"process start to first answered call, best / median of {len(times)}", took),
        ("idle memory, after one call (RSS)", f"{server.memory('VmRSS'):.1f} MiB"),
    ]


def health(server: Contender, seconds: int) -> Rows:
    alone = Load(server.port, server.tokens[-1:], seconds, pause=0.005).wait()
    slow = Load(server.port, server.tokens[:8], seconds + 1, sleep(seconds / 2))
    time.sleep(0.5)
    result = Load(server.port, server.tokens[-1:], seconds, pause=0.005).wait()
    slow.wait()
    return [
        ("`/healthz`, nothing else running, p50 / p99", alone.told(0.5, 0.99)),
        ("`/healthz` while 8 queries sleep, p50 / p99", result.told(0.5, 0.99)),
    ]


def fair(server: Contender, seconds: int) -> Rows:
    """One analyst asks with 24 clients; does another one notice?"""
    normal, greedy = server.tokens[-1:], server.tokens[-2:-1] * 24
    alone = Load(server.port, normal, seconds, SMALL, pause=0.02).wait()
    found = [("one analyst alone, small query, p50 / p99", alone.told(0.5, 0.99))]
    for what, message in [("sleep 1 s", sleep(1)), ("compute", HEAVY)]:
        others = Load(server.port, greedy, 2 * seconds + 1, message)
        time.sleep(0.7)
        result = Load(server.port, normal, 2 * seconds - 0.5, SMALL, pause=0.02).wait()
        counts = others.wait().counts
        found.append((f"the same beside 24 clients of a greedy analyst ({what}), p50 / p99", result.told(0.5, 0.99)))
        found.append((f"… their calls ({what}): answered / told `BUSY` / failed", " / ".join(str(n) for n in counts.values())))
    return found


def run(servers: list[Contender], seconds: int) -> str:
    """A Markdown table, a column for each server."""
    table: dict[str, dict[str, str]] = {}
    for server in servers:
        # one without analysts can be started and weighed, and no more
        for measure in (start, health, fair) if server.limits else (start,):
            note(f"{server.name}: {measure.__name__} ...")
            for row, value in measure(server, seconds):
                table.setdefault(row, {})[server.name] = value
    names = [server.name for server in servers]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    return "\n".join(lines + [f"| {row} | " + " | ".join(values.get(name, "") for name in names) + " |" for row, values in table.items()])
