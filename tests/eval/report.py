"""What was measured, as text for the terminal and as docs/evaluation.md, whose prose stays.

A generated section of the page stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. The page keeps the figures themselves
too, in comments: those of this state, and those of the state before the listings and the errors were rewritten.
"""
from __future__ import annotations

import json
import re
from collections import Counter

from measure import Measured

from stack import ROOT

PAGE = ROOT / "docs/evaluation.md"
DETAILS = ROOT / "target/eval/details.txt"

Figures = dict[str, object]

# How facts of a kind are called in the table.
_KINDS = {
    "table": "tables and views",
    "column": "columns",
    "join": "how tables are joined",
    "function": "functions and their arguments",
    "unit": "units",
    "value": "values",
    "hidden": "that a column is hidden, and what there is instead",
    "definition": "definitions",
    "range": "from when to when there are data",
    "now": "what time it is",
    "session zone": "in which zone `current_date` and `::date` are",
}


def of(counts: list[int]) -> str:
    return f"{counts[0]} of {counts[1]}"


def total(kinds: dict[str, list[int]]) -> list[int]:
    return [sum(counts[0] for counts in kinds.values()), sum(counts[1] for counts in kinds.values())]


def rows(figures: Figures) -> dict[str, str]:
    """The lines of the first table: what is measured → how it is shown."""
    facts, slips = figures["facts"], figures["slips"]
    found = {f"– {name}": of(facts[kind]) for kind, name in _KINDS.items() if kind in facts}
    return {
        "right answers": of([figures["right"], figures["questions"]]),
        "facts found": of(total(facts)),
        **found,
        "slips that the error corrects": f"{of(total(slips))} ({share(total(slips)):.0%})",
        "calls before the first query, median": f"{figures['calls']}",
        "bytes read before the first query, median": f"{figures['bytes']:,}",
        "bytes read before the first query, most": f"{figures['most_bytes']:,}",
        "longest answer on the way, bytes": f"{figures['largest']:,}",
        "`describe_table` over all tables, bytes": f"{figures['described']:,}",
        "instructions and tools, bytes": f"{figures['instructions'] + figures['tools']:,}",
    }


def share(counts: list[int]) -> float:
    return counts[0] / counts[1] if counts[1] else 1.0


def table(head: str, now: dict[str, str], before: dict[str, str] | None) -> str:
    if before is None:
        return "\n".join([f"| {head} | now |", "|---|---:|", *(f"| {name} | {value} |" for name, value in now.items())])
    lines = [f"| {head} | before | now |", "|---|---:|---:|"]
    return "\n".join([*lines, *(f"| {name} | {before.get(name, '')} | {value} |" for name, value in now.items())])


def sections(measured: Measured, figures: Figures, before: Figures | None) -> dict[str, str]:
    """The generated sections of the page."""
    errors = {kind: of(counts) for kind, counts in figures["slips"].items()}
    errors_before = {kind: of(counts) for kind, counts in before["slips"].items()} if before else None
    return {
        "figures": table(f"{figures['questions']} questions", rows(figures), rows(before) if before else None) + f"\n\n<!-- figures: {json.dumps(figures)} -->",
        "missing": missing(measured),
        "errors": table("slip", errors, errors_before),
    }


def missing(measured: Measured) -> str:
    """Which facts are not found, the most wanted first, and which answers are not right."""
    counted = Counter(str(fact) for _, fact, found in measured.facts if not found)
    lines = [f"- `{fact}` ({count} {'question' if count == 1 else 'questions'})" for fact, count in counted.most_common()]
    lines += [f"- The answer to “{question}” is not right." for question in measured.wrong]
    return "\n".join(lines) or "Nothing: every fact is found, and every answer is right."


def kept(name: str) -> Figures | None:
    """The figures that the page has in a comment of this name."""
    found = re.search(rf"<!-- {name}: (\{{.*\}}) -->", PAGE.read_text())
    return json.loads(found[1]) or None if found else None


def write(measured: Measured, figures: Figures, as_before: bool) -> None:
    page = PAGE.read_text()
    if as_before:
        page = re.sub(r"<!-- before: .* -->", lambda _: f"<!-- before: {json.dumps(figures)} -->", page)
        PAGE.write_text(page)
    for name, text in sections(measured, figures, kept("before")).items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
        page, count = re.subn(re.escape(begin) + ".*?" + re.escape(end), lambda _, to=f"{begin}\n{text}\n{end}": to, page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{PAGE}: one section {begin} … {end} is needed")
    PAGE.write_text(page)


def details(measured: Measured) -> None:
    """Everything that went wrong, for whoever wants to put it right."""
    lines = []
    for question, crawl in measured.crawls.items():
        lines.append(f"{question}: {len(crawl.answers)} calls, {sum(size for _, size in crawl.answers):,} bytes")
        lines += [f"    not found: {fact}" for fact in measured.missing(question)]
        lines += [f"    wrong answer: {measured.wrong[question]}"] if question in measured.wrong else []
    lines += ["", "describe_table, bytes:", *(f"    {table} {size:,}" for table, size in measured.described.items())]
    lines += ["", f"slips that PostgreSQL accepts, and that do not count: {measured.valid_slips}", "slips whose error does not correct them:"]
    for slip, said, corrected in measured.slips:
        if not corrected:
            lines += ["", f"{slip.kind} ({slip.question}), wanted: {slip.correction}", slip.sql, f"→ {said}"]
    DETAILS.parent.mkdir(parents=True, exist_ok=True)
    DETAILS.write_text("\n".join(lines) + "\n")
