"""Asks everything once and counts: which facts are found, which answers are right, how long the texts are, what the errors say."""
from __future__ import annotations

import collections
import json
import re
import statistics
from dataclasses import dataclass, field

import answers
import questions as written
from client import Client
from crawl import Crawl, Crawler, Ranges
from questions import Columns, Fact, Question
from slips import KINDS, Slip, slips

from stack import Stack

SCHEMAS = ("reporting", "tracksolid", "tickets", "fuel", "masked")


@dataclass
class Measured:
    facts: list[tuple[str, Fact, bool]] = field(default_factory=list)  # question, fact, found
    wrong: dict[str, str] = field(default_factory=dict)  # question → what is wrong with its answer
    crawls: dict[str, Crawl] = field(default_factory=dict)
    described: dict[str, int] = field(default_factory=dict)  # table → bytes
    slips: list[tuple[Slip, str, bool]] = field(default_factory=list)  # what the error said, and whether that corrects it
    valid_slips: int = 0
    instructions_bytes: int = 0
    tools_bytes: int = 0

    def missing(self, question: str) -> list[Fact]:
        return [fact for asked, fact, found in self.facts if asked == question and not found]

    def largest(self) -> tuple[str, int]:
        """The longest answer on the way, and which call it answers."""
        return max((answer for crawl in self.crawls.values() for answer in crawl.answers), key=lambda answer: answer[1])

    def figures(self) -> dict[str, object]:
        """What is kept from one run to the next."""
        calls = [len(crawl.answers) for crawl in self.crawls.values()]
        sizes = [sum(size for _, size in crawl.answers) for crawl in self.crawls.values()]
        kinds: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
        for _, fact, found in self.facts:
            kinds[fact.kind][0] += found
            kinds[fact.kind][1] += 1
        errors: dict[str, list[int]] = {kind: [0, 0] for kind in KINDS}
        for slip, _, corrected in self.slips:
            errors[slip.kind][0] += corrected
            errors[slip.kind][1] += 1
        return {
            "questions": len(self.crawls),
            "right": len(self.crawls) - len(self.wrong),
            "facts": dict(sorted(kinds.items())),
            "calls": int(statistics.median(calls)),
            "bytes": int(statistics.median(sizes)),
            "most_bytes": max(sizes),
            "largest": self.largest()[1],
            "instructions": self.instructions_bytes,
            "tools": self.tools_bytes,
            "tables": len(self.described),
            "described": sum(self.described.values()),
            "slips": errors,
        }


def measure(stack: Stack) -> Measured:
    client = Client(stack.url, stack.token)
    questions, columns = written.load(), _columns(stack)
    known = written.definitions()
    wanted = {question.id: written.facts(question, columns, known) for question in questions}
    crawler = Crawler(client, _ranges(stack, wanted))
    measured = Measured(instructions_bytes=len(crawler.instructions.encode()))
    measured.tools_bytes = sum(len(json.dumps(tool, ensure_ascii=False, separators=(",", ":")).encode()) for tool in crawler.tools)
    for question in questions:
        crawl = measured.crawls[question.id] = crawler.crawl(question)
        measured.facts += [(question.id, fact, crawler.found(fact, crawl)) for fact in wanted[question.id]]
    measured.described = {table: crawler.ask("describe_table", schema=table.split(".")[0], table=table.split(".")[1]).size for table in columns}
    # What is of this moment may change between an answer and its check, at midnight even what is of today.
    for question in questions:
        if wrong := _wrong(client, stack, question) and _wrong(client, stack, question):
            measured.wrong[question.id] = wrong
    for slip in slips(questions, columns):
        answer = client.query(slip.sql, 1)
        if not answer.failed:
            measured.valid_slips += 1
            continue
        said = _without_echo(answer.text)
        measured.slips.append((slip, answer.text, re.search(slip.correction, said) is not None))
    return measured


def _columns(stack: Stack) -> Columns:
    """Every table and view of the demo that analysts may read, with the columns that they may read of it."""
    sql = f"""
        SELECT json_object_agg(name, columns ORDER BY name)
        FROM (SELECT format('%s.%s', relnamespace::regnamespace, relname) AS name, json_object_agg(attname, format_type(atttypid, NULL) ORDER BY attnum) AS columns
              FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
              WHERE relnamespace::regnamespace::text IN ('{"', '".join(SCHEMAS)}') AND relkind IN ('r', 'v', 'm', 'p')
                AND has_column_privilege('analytics_ro', pg_class.oid, attnum, 'SELECT') GROUP BY 1) AS tables
    """
    return json.loads(stack.psql(sql))


def _ranges(stack: Stack, wanted: dict[str, list[Fact]]) -> Ranges:
    """The true first and last value of each time column that a question needs to know the range of."""
    places = {fact.place for found in wanted.values() for fact in found if fact.kind == "range"}
    parts = []
    for place in sorted(places):
        table, _, column = place.rpartition(".")
        # a date as it is, a time in the fleet's zone, to the minute
        shown = [f"left({end}({column})::text, 16)" for end in ("min", "max")]
        parts.append(f"SELECT '{place}' AS place, jsonb_build_array({', '.join(shown)}) AS ends FROM {table}")
    sql = f"SET timezone = 'Africa/Nairobi'; SELECT json_object_agg(place, ends) FROM ({' UNION ALL '.join(parts)}) AS all_of_them"
    return {place: (ends[0], ends[1]) for place, ends in json.loads(stack.psql(sql)).items()}


def _wrong(client: Client, stack: Stack, question: Question) -> str:
    """What is wrong with the answer to a question, or ""."""
    answer = client.query(question.gold, 10_000)
    if answer.failed:
        return answer.text
    whole = json.loads(answer.text)
    got = answers.rows(json.dumps(whole["rows"]))
    right = answers.rows(stack.psql(f"SELECT coalesce(json_agg(q), '[]') FROM ({question.check}) AS q"))
    if whole.get("truncated"):
        return "the answer is cut"
    doubt = "" if question.may_be_empty and not got else answers.implausible(got)
    return doubt or answers.difference(got, right, question.ordered, question.tolerance)


def _without_echo(text: str) -> str:
    """An error without the piece of the statement that it repeats: what stood there already is no help."""
    try:
        error = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return "\n".join(line for line in text.splitlines() if not re.match(r"(?i)\W*(near|position|line \d)", line))
    return "\n".join(f"{name}: {_text(value)}" for name, value in error.items() if name != "position")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
