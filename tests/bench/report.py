"""docs/performance.md: its generated sections are replaced, its prose stays.

A section stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`; whoever edits the page writes outside of those."""
from __future__ import annotations

import datetime
import os
import re
import shutil
from pathlib import Path

import plot
from growth import Curve

from stack import ROOT, Stack

PAGE = ROOT / "docs/performance.md"


class Report:
    """The page itself, or a copy of it elsewhere for runs whose figures are not to be kept."""

    def __init__(self, keep: bool) -> None:
        self.page = PAGE if keep else ROOT / "target/bench/performance.md"
        self.plots = self.page.with_suffix("")
        self.plots.mkdir(parents=True, exist_ok=True)
        if not keep and (not self.page.exists() or self.page.stat().st_mtime < PAGE.stat().st_mtime):
            shutil.copy(PAGE, self.page)

    def section(self, name: str, text: str) -> None:
        page = self.page.read_text()
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"{self.page}: one section {begin} … {end} is needed")
        self.page.write_text(pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", page))

    def curve(self, curve: Curve) -> str:
        """Draws a curve and returns the Markdown that shows it."""
        plot.draw(
            self.plots / f"{curve.file}.svg", curve.title, curve.x, curve.y, curve.lines, ticks=curve.ticks,
            unit="bytes" if curve.x == "bytes" else "",
        )  # fmt: skip
        return f"![{curve.title}]({self.plots.name}/{curve.file}.svg)"


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def machine(stack: Stack, how: str) -> str:
    version = stack.psql("SHOW server_version").split()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    date = datetime.date.today()
    return (
        f"{date.day} {date:%B %Y}: {os.cpu_count()} cores of {processor()}, {memory:.0f} GiB, PostgreSQL {version} on the same machine, "
        f"{stack.positions:,} positions in the demo fleet. {how}"
    )
