"""The table: the same calls to every contender, taken in turns, and the ratio to MCP Toolbox."""
from __future__ import annotations

import statistics
from dataclasses import dataclass

from client import query, show
from contenders import Contender, PgBench, Sample, note

CLIENTS = (1, 8)


@dataclass
class Work:
    """A statement; `limit` is for those that do not know `max_rows`."""

    name: str
    sql: str
    max_rows: int = 1000
    limit: str = ""

    def message(self, contender: Contender | PgBench) -> bytes:
        # This server asks PostgreSQL for one row more than it gives, to know whether there are more. So does pgbench here.
        limit = self.limit.format(self.max_rows + isinstance(contender, PgBench))
        return query(self.sql + ("" if contender.limits else limit), self.max_rows)


WORKS = [
    Work("`SELECT 1`", "SELECT 1"),
    Work(
        "aggregate over a materialised view",
        "SELECT cost_centre, count(*) AS trips, round(sum(distance_km)) AS km FROM reporting.v_trips"
        " WHERE day >= current_date - 7 GROUP BY cost_centre ORDER BY km DESC",
    ),
    Work(
        "1,000 rows × 6 columns, cut off by `max_rows`",
        "SELECT device_id, ts, lat, lon, speed_kmh, heading FROM tracksolid.positions",
        1000,
        " LIMIT {}",
    ),
    Work(
        "10,000 rows × 8 columns",
        "SELECT device_id, ts, lat, lon, speed_kmh, heading, ignition, odometer_km FROM tracksolid.positions LIMIT 10000",
        10000,
    ),
]

# Samples by work, number of clients and contender, one a round.
Table = dict[tuple[str, int, str], list[Sample]]


def run(everybody: list[Contender | PgBench], rounds: int, seconds: int) -> Table:
    """Contenders take turns within each cell, so that what else the machine does meets them alike."""
    table: Table = {}
    for contender in everybody:  # pools and caches are filled before anything counts
        for work in WORKS[:: len(WORKS) - 1]:
            contender.measure(work.message(contender), max(CLIENTS), 1)
    for round in range(rounds):
        for work in WORKS:
            note(f"round {round + 1} of {rounds}: {work.name} ...")
            for clients in CLIENTS:
                for contender in everybody:
                    sample = contender.measure(work.message(contender), clients, seconds)
                    table.setdefault((work.name, clients, contender.name), []).append(sample)
    return table


def rate(table: Table, work: str, clients: int, name: str) -> float:
    return statistics.median(sample.rate for sample in table[work, clients, name])


def ratio(table: Table, work: str, clients: int, ours: str, theirs: str) -> float:
    """The median of the rounds' ratios: a disturbance meets both sides of one round."""
    pairs = zip(table[work, clients, ours], table[work, clients, theirs])
    return statistics.median(our.rate / their.rate for our, their in pairs)


def plural(clients: int) -> str:
    return "1 client" if clients == 1 else f"{clients} clients"


def markdown(table: Table, everybody: list[Contender | PgBench], toolbox: str | None) -> str:
    ours = everybody[0].name
    names = [contender.name for contender in everybody]
    heads = names + (["ratio to Toolbox"] if toolbox else [])
    lines = ["| calls a second | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for work in WORKS:
        for clients in CLIENTS:
            cells = [f"{rate(table, work.name, clients, name):,.0f}" for name in names]
            if toolbox:
                cells.append(f"**{ratio(table, work.name, clients, ours, toolbox):.2f}**")
            lines.append(f"| {work.name}, {plural(clients)} | " + " | ".join(cells) + " |")
    memory = [f"{contender.memory('VmHWM'):.0f} MiB" if isinstance(contender, Contender) else "" for contender in everybody]
    lines.append("| peak memory after that | " + " | ".join(memory + ([""] if toolbox else [])) + " |")
    if not toolbox:
        lines += ["", "MCP Toolbox is not in this table: it was not installed where these figures were taken."]
    return "\n".join(lines)


def saturation(table: Table, everybody: list[Contender | PgBench], cores: int) -> str:
    """Who took the processor while eight clients called, and what one call cost it."""
    clients = max(CLIENTS)
    lines = [
        f"| {clients} clients | server | PostgreSQL | load generator | idle | server, CPU a call | PostgreSQL, CPU a call |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = []
    for work in WORKS:
        for contender in everybody:
            samples = table[work.name, clients, contender.name]
            seconds, calls = sum(sample.seconds for sample in samples), sum(sample.calls for sample in samples)
            server, database, load, machine = (sum(sample.cpu[i] for sample in samples) for i in range(4))
            idle = max(0.0, 1 - machine / seconds / cores)
            shares = [f"{100 * part / seconds / cores:.0f} %" for part in (server, database, load)] + [f"{100 * idle:.0f} %"]
            costs = [f"{show(1000 * part / calls)} ms" for part in (server, database)]
            if isinstance(contender, PgBench):
                shares[0] = costs[0] = ""
            lines.append(f"| {work.name}: {contender.name} | " + " | ".join(shares + costs) + " |")
            if contender is everybody[0]:
                share, who = max((server, "the server"), (database, "PostgreSQL"), (load, "the load generator"))
                first.append(f"{work.name}: {who} ({100 * share / seconds / cores:.0f} %)")
    return "\n".join([*lines, "", f"Of {everybody[0].name}'s runs the largest share went to: " + "; ".join(first) + "."])


def others(table: Table, cores: int) -> float:
    """The share of the machine that went to processes which had nothing to do with this, in percent."""
    samples = [sample for samples in table.values() for sample in samples]
    taken = sum(sample.cpu[3] - sum(sample.cpu[:3]) for sample in samples)
    return max(0.0, 100 * taken / sum(sample.seconds for sample in samples) / cores)
