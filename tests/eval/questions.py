"""The questions of questions/*.toml, and what a model must have read before it can answer them.

    id, ask         a name, and the question as an analyst would put it
    search          the words that a model would search for
    tables          the tables and views that the answer needs, in the order in which they are looked at
    gold            the SQL that answers it
    check           another SQL with the same answer, computed in another way, which is not shown to anybody
    ordered         the order of the rows is part of the answer
    tolerance       by how much numbers may differ, where gold and check round differently
    may_be_empty    on some days the right answer has no rows
    facts           what must be read in order to write that SQL and to understand its answer, as "KIND [PLACE][: PATTERN]":
        unit T.C: P, value T.C: P      P matches in what is said of column C of table T, or of the table as a whole
        hidden T.C: P                  the same line says that column C cannot be read, and P, which is why or what there is instead
        function S.F: P                P matches in what is said of this function
        range T.C                      from when to when T has rows by its time column C
        join T.C = U.D                 what is said of T.C names U, or what is said of U.D names T
        definition NAME                one of the patterns of that name in facts.toml matches anywhere

Some facts follow from the SQL and need not be written: that its tables and functions exist, the columns of these tables that it names,
the values that stand in it as literals (unless the question itself has the word), which time it is now, and the time zone of the session.
"""
from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

# table → column → its type, as the database has them
Columns = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Fact:
    """Something to be found: by these patterns, at a place, which is a table, a column, a function, or "" for anywhere."""

    kind: str
    place: str
    patterns: tuple[str, ...]
    about: str = ""  # what is to be known, where the place does not say it

    def __str__(self) -> str:
        return f"{self.kind} {': '.join(part for part in (self.place, self.about) if part)}".strip()


@dataclass
class Question:
    id: str
    ask: str
    search: str
    tables: list[str]
    gold: str
    check: str
    facts: list[str]
    ordered: bool = False
    tolerance: float = 1e-6
    may_be_empty: bool = False

    @property
    def schemas(self) -> list[str]:
        return list(dict.fromkeys(table.split(".")[0] for table in self.tables))

    @property
    def functions(self) -> list[str]:
        """The database's own functions that the gold SQL calls."""
        return list(dict.fromkeys(re.findall(r"\b([a-z_]+\.fn_\w+)\s*\(", self.gold)))


def load() -> list[Question]:
    """All questions, in the order of the files' names."""
    questions = []
    for file in sorted((HERE / "questions").glob("*.toml")):
        questions += [Question(**entry) for entry in tomllib.loads(file.read_text())["question"]]
    ids = [question.id for question in questions]
    if repeated := {name for name in ids if ids.count(name) > 1}:
        raise ValueError(f"questions with the same id: {', '.join(sorted(repeated))}")
    return questions


def definitions() -> dict[str, tuple[str, ...]]:
    entries = tomllib.loads((HERE / "facts.toml").read_text())["definition"]
    return {name: tuple(f"(?i){pattern}" for pattern in patterns) for name, patterns in entries.items()}


def facts(question: Question, columns: Columns, known: dict[str, tuple[str, ...]]) -> list[Fact]:
    """What is written in the question, and what follows from its SQL; nothing twice."""
    written = [_written(text, known) for text in question.facts]
    followed = [*_objects(question, columns), *_literals(question), *_times(question.gold, known)]
    return list(dict.fromkeys([*followed, *written]))


def _written(text: str, known: dict[str, tuple[str, ...]]) -> Fact:
    about, _, pattern = text.partition(": ")
    kind, _, place = about.partition(" ")
    match kind:
        case "definition":
            return Fact(kind, "", known[place], place)
        case "range":
            return Fact(kind, place, ())
        case "join":
            left, right = place.split(" = ")
            return Fact(kind, f"{left} = {right}", (re.escape(_table(right)), re.escape(_table(left))))
        case "unit" | "value" | "function" if pattern:
            return Fact(kind, place, (pattern,), pattern)
        case "hidden" if pattern:
            return Fact(kind, place, (rf"\bhidden\b.*{pattern}",), pattern)
    raise ValueError(f"not a fact: {text}")


def _table(column: str) -> str:
    return column.rpartition(".")[0]


def _objects(question: Question, columns: Columns) -> list[Fact]:
    """The tables, their columns that the SQL names, and the functions."""
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", question.gold)))
    found = [Fact("table", table, ()) for table in question.tables if table in question.gold]
    for table in question.tables:
        # what only a function returns is no column of the table beside it
        if table in question.gold:
            found += [Fact("column", f"{table}.{column}", ()) for column in columns[table] if column in words]
    return found + [Fact("function", function, ("",)) for function in question.functions]


# A literal after one of these is a date, a length of time, a zone or a format: nothing that the data would have to tell.
_NO_VALUE = re.compile(r"(interval|date|timestamptz|time zone|(date_trunc|date_bin|to_char|split_part)\s*\((?:[^()]|\([^()]*\))*)\s*$", re.IGNORECASE)


def _literals(question: Question) -> list[Fact]:
    found = []
    for literal in re.finditer(r"'([^']*)'", question.gold):
        word = literal[1].strip("%")
        pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
        given = re.fullmatch(r"[\W\d]*|HH24.*", word) or _NO_VALUE.search(question.gold[: literal.start()]) or re.search(pattern, question.ask)
        if not given:
            found.append(Fact("value", "", (pattern,), word))
    return found


def _times(sql: str, known: dict[str, tuple[str, ...]]) -> list[Fact]:
    found = []
    if re.search(r"current_date|now\(\)", sql):
        found.append(Fact("now", "", ()))
    if re.search(r"current_date|::date|date_trunc", sql):
        found.append(Fact("session zone", "", known["session-zone"]))
    return found
