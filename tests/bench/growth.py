"""How cost grows with rows, columns, bytes, clients, the length of the SQL text, and tables in the catalog.

Each curve is a list of points for every contender that takes part; one client, unless it is about clients."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from client import call, query
from contenders import Contender, PgBench, Sample, note

from stack import Stack, StackError

# Tables of n columns, a table of texts of 1,000 characters, and the catalog that grows.
COLUMNS = (1, 4, 16, 64, 256, 1024, 1600)
TEXTS = 10_000
FIXTURES = (
    """
CREATE SCHEMA bench;
SELECT format('CREATE TABLE bench.columns_%s AS SELECT %s FROM generate_series(1, 10)', n,
    (SELECT string_agg(format('%s AS c%s', c, c), ', ') FROM generate_series(1, n) AS c))
"""
    + f"FROM unnest('{{{','.join(map(str, COLUMNS))}}}'::int[]) AS n \\gexec\n"
    + f"""
CREATE TABLE bench.texts AS SELECT n, repeat(md5(n::text), 31) || 'fleet_01' AS text FROM generate_series(1, {TEXTS}) AS n;
GRANT USAGE ON SCHEMA bench TO analytics_ro;
GRANT SELECT ON ALL TABLES IN SCHEMA bench TO analytics_ro;
VACUUM ANALYZE;
"""
)
ROWS_SQL = "SELECT device_id, ts, lat, lon, speed_kmh, heading, ignition, odometer_km FROM tracksolid.positions LIMIT {}"


@dataclass
class Curve:
    """One plot: its file, its axes, and a line of points for each name."""

    file: str
    title: str
    x: str
    y: str
    ticks: list[float] | None = None
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, line: str, x: float, y: float) -> None:
        self.lines.setdefault(line, []).append((x, y))


Everybody = Iterable["Contender | PgBench"]


def _each(curve: Curve, everybody: Everybody, points: Iterable[tuple[float, bytes]], seconds: int) -> Curve:
    """Milliseconds a call, by one client, at each point."""
    note(f"growth: {curve.title} ...")
    for x, message in points:
        for contender in everybody:
            curve.add(contender.name, x, contender.measure(message, 1, seconds).ms)
    return curve


def rows(everybody: Everybody, seconds: int, step: int) -> list[Curve]:
    counts = (1, 10, 100, 1_000, 10_000)[::step]
    points = [(n, query(ROWS_SQL.format(n), n)) for n in counts]
    return [_each(Curve("rows", "Rows in the answer, 8 columns", "rows", "ms a call"), everybody, points, seconds)]


def columns(everybody: Everybody, seconds: int, step: int) -> list[Curve]:
    points = [(n, query(f"SELECT * FROM bench.columns_{n}")) for n in COLUMNS[::step]]
    return [_each(Curve("columns", "Columns in the answer, 10 rows of integers", "columns", "ms a call"), everybody, points, seconds)]


def size(everybody: Everybody, seconds: int, step: int) -> list[Curve]:
    counts = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)[:: 2 * step]
    points = [(1000 * n, query(f"SELECT text FROM bench.texts LIMIT {n}", n)) for n in counts]
    return [_each(Curve("bytes", "Bytes of text in the answer", "bytes", "ms a call"), everybody, points, seconds)]


def text(everybody: Everybody, seconds: int, step: int) -> list[Curve]:
    def statement(length: int) -> str:
        sql = "SELECT 1 WHERE 7 IN (7"
        return sql + ", 1234567" * ((length - len(sql) - 1) // 9) + ")"

    points = [(n, query(statement(n))) for n in (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)[::step]]
    return [_each(Curve("sql", "Length of the SQL text", "characters", "ms a call"), everybody, points, seconds)]


def clients(everybody: Everybody, seconds: int, step: int) -> list[Curve]:
    """Each client is an analyst of its own."""
    ticks = [2**n for n in range(9)]
    rate = Curve("clients", "SELECT 1 by more and more clients", "clients", "calls a second", ticks)
    wait = Curve("waiting", "SELECT 1: how long a call takes", "clients", "ms a call", ticks)
    note("growth: clients ...")
    for n in ticks[::step]:
        for contender in everybody:
            if isinstance(contender, Contender):  # pgbench's clients are sessions of PostgreSQL, which has fewer than that
                sample: Sample = contender.measure(query("SELECT 1"), n, seconds)
                rate.add(contender.name, n, sample.rate)
                wait.add(f"{contender.name}, p50", n, sample.p50)
                wait.add(f"{contender.name}, p99", n, sample.p99)
    return [rate, wait]


def catalog(server: Contender, stack: Stack, seconds: int, step: int) -> Curve:
    """The last one, since it leaves the database with thousands of tables."""
    note("growth: tables in the catalog ...")
    curve = Curve("catalog", "Tables in the schema", "tables", "ms a call")
    calls = [
        ("list_schemas", call("list_schemas", {})),
        ("list_tables", call("list_tables", {"schema": "fuel"})),
        ("describe_table", call("describe_table", {"schema": "fuel", "table": "records"})),
    ]
    there = 2  # those of the demo fleet
    table = "fuel.bench_%s (id bigint PRIMARY KEY, day date, litres numeric)"
    for n in (2, 20, 200, 2_000)[:: 1 if step == 1 else 3]:
        stack.psql(
            f"SELECT format('CREATE TABLE {table}', n) FROM generate_series({there + 1}, {n}) AS n \\gexec\n"
            "GRANT SELECT ON ALL TABLES IN SCHEMA fuel TO analytics_ro;\nVACUUM ANALYZE pg_catalog.pg_class, pg_catalog.pg_attribute;"
        )
        there = max(there, n)
        listed, _ = server.ask(calls[1][1])
        told = json.loads(listed)["result"]["content"][0]["text"]
        if sum(": table, " in line for line in told.splitlines()) != min(n, 100):
            raise StackError(f"list_tables does not tell of {n} tables: {told[:200]}")
        for name, message in calls:
            curve.add(name, n, server.measure(message, 1, seconds).ms)
    return curve


CURVES: list[Callable[[Everybody, int, int], list[Curve]]] = [rows, columns, size, text, clients]
