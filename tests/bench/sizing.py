"""What the table says about more than one machine: what a core carries, and how many analysts that is."""
from __future__ import annotations

from client import show
from compare import CLIENTS, WORKS, Table, rate
from contenders import Contender

# Assumed, not measured: in a conversation Claude writes a statement, reads the answer and thinks for about this long.
SECONDS_BETWEEN_CALLS = 10


def about(number: float) -> str:
    """With two digits that count."""
    return f"{float(f'{number:.1e}'):,.0f}"


def markdown(table: Table, server: Contender, cores: int) -> str:
    clients = max(CLIENTS)
    lines = [
        (
            "| | a core of the server | a core of PostgreSQL | PostgreSQL cores for each server core | both on this machine "
            "| analysts who ask at once |"
        ),
        "|---|---:|---:|---:|---:|---:|",
    ]
    for work in WORKS:
        samples = table[work.name, clients, server.name]
        calls = sum(sample.calls for sample in samples)
        own, database = (sum(sample.cpu[i] for sample in samples) / calls for i in (0, 1))
        measured = rate(table, work.name, clients, server.name)
        lines.append(
            f"| {work.name} | {1 / own:,.0f} calls/s | {1 / database:,.0f} calls/s | {show(database / own)} | {measured:,.0f} calls/s "
            f"| {about(measured * SECONDS_BETWEEN_CALLS)} |"
        )
    lines += [
        "",
        (
            f"The last column assumes a call every {SECONDS_BETWEEN_CALLS} seconds of each analyst in a conversation; the one before it is the "
            f"measured rate of {clients} clients, with the server, PostgreSQL and the load generator sharing {cores} cores. "
            f"The process held {server.memory('VmHWM'):.0f} MiB at most."
        ),
    ]
    return "\n".join(lines)
