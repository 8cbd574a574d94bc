#!/usr/bin/env python3
"""How fast, how small and how fair the server is, on the demo fleet, side by side with others; writes docs/performance.md.

    bench.py [--server BINARY] [--quick] [--only table,behaviour,growth] [--write]

A full run (about 8 minutes, 11 with a baseline) writes the page. A quick one (2 minutes) prints the same, and writes target/bench/performance.md;
so does one with --only, unless --write is given.

Another MCP server can be measured beside it on the same database:

    BASELINE_CMD='exec uvicorn app:app --port "$PORT"' BASELINE_NAME=python bench.py

It is started by the shell with DATABASE_URL, MCP_AUTH_TOKENS and PORT, and must answer GET /healthz and POST /mcp with a tool
`query` that takes `sql` and `max_rows`.

Needs Python, PostgreSQL with PostGIS, and wrk. BENCH_POSITIONS (default 200000) scales the data. Not a test: the numbers depend
on the machine and on what else it does.
"""
from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import behaviour
import compare
import growth
import pooler
import sizing
from contenders import TOOLBOX_VERSION, BenchStack, Contender, contenders
from report import Report, machine

from stack import ROOT, StackError, stop_on_sigterm, tail

ANALYSTS = tuple(f"analyst{n}" for n in range(256)) + ("greedy", "normal")
# The largest answers here are ten megabytes long.
SETTINGS = {"MCP_MAX_BYTES": "16777216"}
CORES = os.cpu_count() or 1
PARTS = ("table", "behaviour", "growth")


def measure(stack: BenchStack, report: Report, options: argparse.Namespace, everybody: list) -> None:
    servers = [contender for contender in everybody if isinstance(contender, Contender)]
    toolbox = next((server.name for server in servers if server.name == "MCP Toolbox"), None)
    stack.stop_server()
    # Every contender keeps its sessions while the others are measured.
    stack.psql(behaviour.FIXTURES + growth.FIXTURES + "ALTER ROLE analytics_ro CONNECTION LIMIT 200;")
    for server in servers:
        server.start()
    quick = options.quick
    rounds, seconds = (1, 2) if quick else (3, 3)
    if "table" in options.only:
        table = compare.run(everybody, rounds, seconds)
        how = f"Median of {rounds} rounds of {seconds} s" if rounds > 1 else f"One quick round of {seconds} s"
        how += f"; other processes took {compare.others(table, CORES):.0f} % of the machine meanwhile."
        how += f" MCP Toolbox {TOOLBOX_VERSION}." if toolbox else ""
        report.section("machine", show(machine(stack, how)))
        report.section("table", show(compare.markdown(table, everybody, toolbox)))
        report.section("saturation", show(compare.saturation(table, everybody, CORES)))
        report.section("sizing", show(sizing.markdown(table, everybody[0], CORES)))
    if "behaviour" in options.only:
        report.section("behaviour", show(behaviour.run(servers, 1 if quick else 4)))
        if not quick:
            report.section("pooler", show(pooler.run(stack, servers[0], 2, 2)))
    if "growth" in options.only:
        # A baseline of the caller's need not know long answers or texts; a quick run has no time for Toolbox.
        names = (servers[0].name, "pgbench") if quick else (servers[0].name, "pgbench", toolbox)
        compared = [contender for contender in everybody if contender.name in names]
        step = 2 if quick else 1
        curves = [curve for measured in growth.CURVES for curve in measured(compared, 1, step)]
        curves.append(growth.catalog(servers[0], stack, 1, step))
        report.section("growth", "\n".join(report.curve(curve) for curve in curves))


def show(markdown: str) -> str:
    print(markdown + "\n", flush=True)
    return markdown


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", type=Path)
    parser.add_argument("--quick", action="store_true", help="one short round and fewer points")
    parser.add_argument("--only", default=",".join(PARTS), help="some of: " + ", ".join(PARTS))
    parser.add_argument("--write", action="store_true", help="write docs/performance.md in any case")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"--only: {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    if not shutil.which("wrk"):
        print("bench: wrk is missing: apt-get install wrk (Debian and Ubuntu) installs it", file=sys.stderr)
        return 1
    stop_on_sigterm()
    whole = not options.quick and set(options.only) == set(PARTS)
    everybody: list = []
    try:
        report = Report(keep=options.write or whole)
        with BenchStack(options.server, int(os.environ.get("BENCH_POSITIONS", "200000")), SETTINGS, ANALYSTS) as stack:
            everybody = contenders(stack, options.server, SETTINGS)
            try:
                measure(stack, report, options, everybody)
            except StackError as error:
                raise StackError(f"{error}\nPostgreSQL's log:\n{tail(stack.postgres_log, 5)}") from None
            finally:
                for contender in everybody:
                    if isinstance(contender, Contender):
                        contender.stop()
        print(f"written: {report.page}")
        return 0
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
