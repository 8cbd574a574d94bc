#!/usr/bin/env python3
"""Who asked how much, what was refused and what was slow: reads the server's audit log.

    docker logs analytics_mcp 2> /dev/null | audit_report.py
    audit_report.py --since 7d ~/.analytics_mcp/audit/*
    journalctl -o cat -t analytics_mcp | audit_report.py --csv > calls.csv

Reads files (also .gz) or standard input: the lines as the server wrote them, also as Docker's json-file driver stores them. Lines
that are no audit lines are counted and otherwise ignored. Times are UTC. --csv prints one line for each call.
"""
from __future__ import annotations

import argparse
import csv
import gzip
import heapq
import json
import re
import signal
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

# The fields of a call's line with their types; those of OPTIONAL may be missing.
CALL = {"analyst": str, "tool": str, "outcome": str, "bytes": int, "truncated": bool, "ms": int}
OPTIONAL = {"code": str, "rows": int, "sql": str, "arguments": str, "sql_sha256": str, "sql_bytes": int}
COLUMNS = ["time", "analyst", "tool", "outcome", "code", "rows", "bytes", "truncated", "ms", "sql", "arguments", "sql_sha256", "sql_bytes"]


def shown(value: object) -> str:
    """Text from outside, with everything escaped that could drive a terminal or hide something in it."""
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in str(value))


def cell(value: object) -> object:
    """For a spreadsheet, which would take a text that begins like this for a formula."""
    if not isinstance(value, str):
        return value
    # It may take ; or a tab for the end of a cell.
    text = re.sub(r"([;\t]\s*)([=+\-@])", r"\1'\2", shown(value))
    return "'" + text if re.match(r"\s*[=+\-@＝＋－＠|%]", text) else text


def written(text: str) -> datetime:
    at = datetime.fromisoformat(re.sub("Z$", "+00:00", text))
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


def moment(text: str) -> datetime:
    """A point in time: 2026-11-26, 2026-11-26T08:30 (UTC), or 90m, 24h, 7d before now."""
    ago = re.fullmatch(r"(\d{1,6})([mhd])", text)
    try:
        if ago:
            return datetime.now(timezone.utc) - timedelta(minutes=int(ago[1]) * {"m": 1, "h": 60, "d": 1440}[ago[2]])
        return written(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-26, 2026-11-26T08:30, or 24h for the last day") from None


def parsed(line: bytes) -> dict | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError, OverflowError):
        return None
    return value if isinstance(value, dict) else None


# No line of the server's is longer, in whatever form: what is longer comes in pieces, which are no audit lines.
MOST = 8 << 20


def lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines as the server wrote them. Docker's json-file driver wraps each, and cuts a long one into several."""
    pieces: dict[object, str] = defaultdict(str)
    for line in iter(lambda: file.readline(MOST), b""):
        wrapped = parsed(line) if line.startswith(b'{"log":') else None
        if wrapped is None or not isinstance(wrapped.get("log"), str):
            yield line
            continue
        stream = str(wrapped.get("stream"))
        pieces[stream] += wrapped["log"]
        if pieces[stream].endswith("\n"):
            yield pieces.pop(stream).encode("utf-8", "replace")
    for rest in pieces.values():
        yield rest.encode("utf-8", "replace")


def entry(line: bytes) -> dict | None:
    """An audit line, or None if it is none."""
    found = parsed(line)
    if not found or not all(isinstance(found.get(name), str) for name in ("time", "event")):
        return None
    try:
        found["at"] = written(found["time"])
    except ValueError:
        return None
    if found["event"] == "call":
        if any(type(found.get(name)) is int and abs(found[name]) >= 1 << 63 for name in (*CALL, *OPTIONAL)):
            return None
        known = all(type(found.get(name)) is kind for name, kind in CALL.items())
        if not known or not all(found.get(name) is None or type(found[name]) is kind for name, kind in OPTIONAL.items()):
            return None
    return found


def opened(name: str) -> BinaryIO:
    file = sys.stdin.buffer if name == "-" else open(name, "rb")  # noqa: SIM115 (closed when the program ends)
    return gzip.open(file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def table(heads: list[str], rows: list[list], left: int) -> str:
    """Aligned columns; the first `left` of them to the left, and the last one if it is text."""
    cells = [heads] + [[shown(value) if isinstance(value, str) else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    texts = [column < left or isinstance(rows[0][column], str) for column in range(len(heads))]
    return "\n".join("  ".join(text.ljust(width) if is_text else text.rjust(width) for text, width, is_text in zip(row, widths, texts)).rstrip() for row in cells)


class Report:
    """What has been read so far."""

    def __init__(self, slowest: int) -> None:
        self.slowest, self.slow, self.calls, self.other = slowest, [], 0, 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.analysts: dict[str, Counter] = defaultdict(Counter)
        self.codes: dict[str, Counter] = defaultdict(Counter)
        self.sign_ins: dict[str, Counter] = defaultdict(Counter)

    def add(self, found: dict) -> None:
        self.first, self.last = min(self.first or found["at"], found["at"]), max(self.last or found["at"], found["at"])
        if found["event"] != "call":
            count = found.get("count", 1)  # a line can stand for several
            self.sign_ins[found["event"]][str(found.get("analyst", found.get("reason", "")))] += count if type(count) is int else 1
            return
        self.calls += 1
        mine = self.analysts[found["analyst"]]
        mine.update(calls=1, rows=found.get("rows") or 0, bytes=found["bytes"], ms=found["ms"], truncated=int(found["truncated"]))
        mine[found["outcome"]] += 1
        mine["slowest"] = max(mine["slowest"], found["ms"])
        if found["outcome"] != "ok":
            self.codes[found.get("code") or found["outcome"]][found["analyst"]] += 1
        heapq.heappush(self.slow, (found["ms"], self.calls, found))
        if len(self.slow) > self.slowest:
            heapq.heappop(self.slow)

    def text(self) -> str:
        total, parts = Counter(), []
        for mine in self.analysts.values():
            slowest = max(total["slowest"], mine["slowest"])
            total.update(mine)
            total["slowest"] = slowest
        rows = [[name, *self.numbers(mine)] for name, mine in sorted(self.analysts.items(), key=lambda one: -one[1]["calls"])]
        heads = ["analyst", "calls", "ok", "refused", "errors", "truncated", "rows", "bytes", "seconds", "slowest"]
        if rows:
            parts.append(table(heads, [*rows, ["(all)", *self.numbers(total)]], 1))
        if self.codes:
            by_code = sorted(self.codes.items(), key=lambda one: -sum(one[1].values()))
            parts.append("Refused and failed\n" + table(["code", "calls", "whose"], [[code, sum(who.values()), self.names(who)] for code, who in by_code], 1))
        if self.sign_ins:
            parts.append("Sign-ins\n" + table(["event", "times", "whose"], [[event, sum(who.values()), self.names(who)] for event, who in sorted(self.sign_ins.items())], 1))
        if self.slow:
            slow = [[f"{ms / 1000:.3f} s", one["at"].strftime("%Y-%m-%d %H:%M:%S"), one["analyst"], one["tool"], one.get("code") or one["outcome"],
                     shown(one.get("sql") or one.get("arguments") or "")[:100]] for ms, _, one in sorted(self.slow, reverse=True)]
            parts.append("Slowest\n" + table(["took", "when", "analyst", "tool", "outcome", "statement"], slow, 6))
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC" if self.first else "nothing in that time"
        parts.insert(0, f"{span}: calls {self.calls:,}, other lines {self.other:,}")
        return "\n\n".join(parts)

    @staticmethod
    def numbers(mine: Counter) -> list:
        errors = mine["calls"] - mine["ok"] - mine["refused"]
        return [mine["calls"], mine["ok"], mine["refused"], errors, mine["truncated"], mine["rows"], mine["bytes"], mine["ms"] / 1000, mine["slowest"] / 1000]

    @staticmethod
    def names(who: Counter) -> str:
        return ", ".join(f"{name} {count}" for name, count in who.most_common(8)) + (" …" if len(who) > 8 else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", default=["-"], metavar="FILE", help="logs, also .gz; - is standard input")
    parser.add_argument("--since", type=moment, metavar="TIME", help="2026-11-26, 2026-11-26T08:30 (UTC), or 90m, 24h, 7d ago")
    parser.add_argument("--until", type=moment, metavar="TIME", help="before this time")
    parser.add_argument("--slowest", type=int, default=10, metavar="N", help="how many of the slowest calls to show (10)")
    parser.add_argument("--csv", action="store_true", help="one line for each call, for a spreadsheet or another program")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII only
    report, broken = Report(max(options.slowest, 0)), False
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if options.csv:
        writer.writerow(COLUMNS)
    for name in options.files:
        try:
            for line in lines(opened(name)):
                found = entry(line)
                if found is None:
                    report.other += 1
                elif (options.since is None or found["at"] >= options.since) and (options.until is None or found["at"] < options.until):
                    report.add(found)
                    if options.csv and found["event"] == "call":
                        writer.writerow([cell(found.get(column)) for column in COLUMNS])
        except (OSError, EOFError, zlib.error) as error:
            print(f"audit_report: {name}: {error}; what could be read of it is counted", file=sys.stderr)
            broken = True
    if not options.csv:
        print(report.text())
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
