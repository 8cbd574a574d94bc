"""What a model reads before it writes SQL: the calls that it makes for a question, and which facts are in their answers.

Answers may be JSON or text. Everything is turned into lines, one for each object that is listed, and facts are looked for in those
lines that are about the thing in question.
"""
from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, field

from client import Answer, Client
from questions import Fact, Question

Moment = datetime.datetime
# the time column of a table → its least and its greatest value, dates or times of the fleet's zone
Ranges = dict[str, tuple[str, str]]
ZONE = datetime.timezone(datetime.timedelta(hours=3), "Africa/Nairobi")


def lines(text: str) -> list[str]:
    """The lines of an answer. Of JSON: one for each entry of its lists, and one for everything else, without a view's definition."""
    try:
        whole = json.loads(text)
    except ValueError:
        return text.splitlines()
    if not isinstance(whole, dict):
        return [json.dumps(whole, ensure_ascii=False)]
    entries = [entry for value in whole.values() if isinstance(value, list) for entry in value]
    rest = {name: value for name, value in whole.items() if not isinstance(value, list) and name != "definition"}
    return [json.dumps(part, ensure_ascii=False) for part in [rest, *entries]]


def about(wanted: list[str], name: str) -> str:
    """The lines in which this name stands as a word, each with up to two that follow and are indented further."""
    pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    found = []
    for index, line in enumerate(wanted):
        if pattern.search(line):
            found.append(line)
            for following in wanted[index + 1 : index + 3]:
                if _depth(following) <= _depth(line):
                    break
                found[-1] += " " + following
    return "\n".join(found)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


@dataclass
class Crawl:
    """What was read for one question."""

    general: list[str] = field(default_factory=list)  # instructions, tools, schemas, search
    listed: dict[str, list[str]] = field(default_factory=dict)  # schema → the lines of list_tables
    described: dict[str, list[str]] = field(default_factory=dict)  # table → the lines of describe_table
    functions: dict[str, list[str]] = field(default_factory=dict)  # schema → the lines of list_functions
    answers: list[tuple[str, int]] = field(default_factory=list)  # each call with the bytes of its answer
    until: Moment | None = None

    @property
    def everything(self) -> str:
        parts = [self.general, *self.listed.values(), *self.described.values(), *self.functions.values()]
        return "\n".join(line for part in parts for line in part)

    def of_table(self, table: str) -> str:
        schema, _, name = table.partition(".")
        return "\n".join([*self.described.get(table, []), about(self.listed.get(schema, []), name), about(self.general, name)])

    def of_column(self, place: str) -> str:
        table, _, column = place.rpartition(".")
        return about(self.described.get(table, []), column)

    def of_function(self, place: str) -> str:
        schema, _, name = place.partition(".")
        return about(self.functions.get(schema, []), name)


class Crawler:
    """Asks as a client does; what one question has asked is not asked again for the next, but counted for both."""

    def __init__(self, client: Client, ranges: Ranges) -> None:
        self._client, self._ranges = client, ranges
        self._kept: dict[str, Answer] = {}
        self.began = datetime.datetime.now(ZONE)
        self.instructions = client.instructions()
        self.tools = client.tools()
        self._names = {tool["name"] for tool in self.tools}

    def ask(self, tool: str, **arguments: str) -> Answer:
        key = json.dumps([tool, arguments])
        if key not in self._kept:
            self._kept[key] = self._client.call(tool, arguments)
        return self._kept[key]

    def crawl(self, question: Question) -> Crawl:
        crawl = Crawl(general=[*self.instructions.splitlines(), *(line for tool in self.tools for line in tool["description"].splitlines())])

        def read(tool: str, **arguments: str) -> list[str]:
            answer = self.ask(tool, **arguments)
            if answer.failed:
                raise RuntimeError(f"{question.id}: {tool} {arguments}: {answer.text}")
            crawl.answers.append((" ".join([tool, *arguments.values()]), answer.size))
            return lines(answer.text)

        crawl.general += read("list_schemas")
        if "search" in self._names:
            crawl.general += read("search", words=question.search)
        for schema in question.schemas:
            crawl.listed[schema] = read("list_tables", schema=schema)
        for table in question.tables:
            schema, _, name = table.partition(".")
            crawl.described[table] = read("describe_table", schema=schema, table=name)
        for schema in dict.fromkeys(function.partition(".")[0] for function in question.functions):
            crawl.functions[schema] = read("list_functions", schema=schema)
        crawl.until = datetime.datetime.now(ZONE)
        return crawl

    def found(self, fact: Fact, crawl: Crawl) -> bool:
        match fact.kind:
            case "table":
                schema, _, name = fact.place.partition(".")
                return bool(about(crawl.listed.get(schema, []), name))
            case "column":
                return bool(crawl.of_column(fact.place))
            case "function":
                return _matches(fact.patterns, crawl.of_function(fact.place))
            case "unit" | "value" | "hidden":
                return _matches(fact.patterns, self._said(fact.place, crawl))
            case "range":
                return self._range(fact.place, crawl)
            case "join":
                left, right = fact.place.split(" = ")
                named_right, named_left = fact.patterns
                return _matches((named_right,), crawl.of_column(left)) or _matches((named_left,), crawl.of_column(right))
            case "now":
                return _matches((_now(self.began, crawl.until),), crawl.everything)
            case "session zone":
                return _matches(fact.patterns, "\n".join(crawl.general))
        return _matches(fact.patterns, crawl.everything)

    @staticmethod
    def _said(place: str, crawl: Crawl) -> str:
        """What is said of a column, of a function, or, without a place, of any of the tables and functions."""
        if not place:
            return "\n".join(line for part in [*crawl.described.values(), *crawl.functions.values()] for line in part)
        return crawl.of_function(place) if ".fn_" in place else crawl.of_column(place)

    def _range(self, place: str, crawl: Crawl) -> bool:
        """The first day, and the last moment to the minute."""
        text = crawl.of_table(place.rpartition(".")[0])
        first, last = self._ranges[place]
        return _matches((_written(first[:10]),), text) and _matches((_written(last),), text)


def _matches(patterns: tuple[str, ...], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)


def _written(moment: str) -> str:
    """A pattern for the ways in which a date ("2026-11-24") or a time ("2026-11-24 18:08") may be written."""
    date, _, clock = moment.partition(" ")
    day = datetime.date.fromisoformat(date)
    ways = rf"(?:{date}|0?{day.day} {day:%b}[a-z]*(?: {day.year})?)"
    return rf"(?<!\d){ways}" + (rf",?(?: at |[ T]){clock}" if clock else "")


def _now(began: Moment, until: Moment | None) -> str:
    """A pattern for "now" with a time between these two, give or take a minute."""
    minute = datetime.timedelta(minutes=1)
    moment, last = began - minute, (until or began) + minute
    times = []
    while moment <= last:
        times.append(_written(f"{moment:%Y-%m-%d %H:%M}"))
        moment += minute
    either = "|".join(times)
    return rf"(?i)(?:\bnow\b|current time|time is|as of).{{0,60}}(?:{either})|(?:{either}).{{0,30}}\bnow\b"
