"""The usual slips of those who write SQL from memory, made by program in a right statement, each with its correction.

A slip is one function: it takes a question's SQL and yields the wrong statements, and for each a pattern that the error text must
match so that the next try is right. Not every slip can be made in every statement, and what a slip made may happen to be valid:
run.py drops those that PostgreSQL accepts.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from questions import Columns, Question


@dataclass(frozen=True)
class Slip:
    kind: str
    question: str
    sql: str
    correction: str


# What the slips know: the question, its place in the list (to vary what is chosen), and the columns of its tables.
@dataclass(frozen=True)
class Given:
    question: Question
    number: int
    columns: Columns

    @property
    def sql(self) -> str:
        return self.question.gold.strip()


Wrong = Iterator[tuple[str, str]]


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def outside_quotes(sql: str, pattern: str, replacement: str) -> str:
    """Replaces everywhere but in literals."""
    parts = re.split(r"('[^']*')", sql)
    return "".join(part if part.startswith("'") else re.sub(pattern, replacement, part) for part in parts)


def closing(sql: str, opening: int) -> int:
    """Where the parenthesis ends that opens here."""
    depth = 0
    for index in range(opening, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[index], 0)
        if depth == 0:
            return index
    raise ValueError(f"a parenthesis is not closed: {sql}")


def arguments(text: str) -> list[str]:
    """Splits at the commas that are not in parentheses."""
    found, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def calls(sql: str, name: str) -> Iterator[tuple[int, int, list[str]]]:
    """Where a function is called: begin, end, arguments."""
    for match in re.finditer(rf"\b{name}\s*\(", sql, re.IGNORECASE):
        end = closing(sql, match.end() - 1)
        yield match.start(), end + 1, arguments(sql[match.end() : end])


def put(sql: str, begin: int, end: int, text: str) -> str:
    return sql[:begin] + text + sql[end:]


# ── slips ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_AMERICAN = {"centre": "center", "litre": "liter", "kilometre": "kilometer", "metre": "meter"}
_SYNONYMS = {
    "distance_km": "distance", "driver_name": "driver", "filled_at": "fill_date", "opened_at": "created_at", "closed_at": "resolved_at",
    "litres": "volume", "cost_kes": "amount", "speed_kmh": "speed", "ts": "timestamp_utc", "plate": "registration", "region": "area",
    "cluster": "zone", "kind": "event_type", "bucket": "category", "planned_start": "start_time", "started_at": "start_time",
    "customers_affected": "customers", "sla_status": "sla", "day": "date", "max_speed_kmh": "top_speed", "idle_hours": "idle_time",
    "station": "vendor", "model": "vehicle_model", "root_cause": "cause", "geog": "location", "geom": "location",
}  # fmt: skip


def column_name(given: Given) -> Wrong:
    """A letter left out, an American spelling, another word for the same thing."""
    words = re.findall(r"\w+", re.sub(r"'[^']*'", "", given.sql))
    named = sorted({word for word in words if any(word in columns for columns in given.columns.values())}, key=lambda word: (-len(word), word))
    wrong = [(column, column[: len(column) // 2] + column[len(column) // 2 + 1 :]) for column in named[:1] if len(column) > 5]
    wrong += [(column, column.replace(ours, theirs)) for column in named for ours, theirs in _AMERICAN.items() if ours in column][:1]
    known = [column for column in named if column in _SYNONYMS]
    wrong += [(column, _SYNONYMS[column]) for column in known[given.number % len(known) :][:1]] if known else []
    for column, word in wrong:
        yield outside_quotes(given.sql, rf"(?<!AS )\b{column}\b", word), rf"\b{column}\b"


def cast_in_round(given: Given) -> Wrong:
    """round(double precision, integer), which does not exist."""
    for begin, end, (number, *digits) in calls(given.sql, "round"):
        if digits:
            double = number.replace("::numeric", "::float8") if "::numeric" in number else f"({number})::float8"
            yield put(given.sql, begin, end, f"round({double}, {digits[0]})"), r"(?i)::\s*numeric|as numeric"


_KEY_WORDS = ["day", "month", "hour", "year", "minute"]


def alias_without_as(given: Given) -> Wrong:
    """A key word as a column's name needs AS before it."""
    first = re.search(r"(?<=[\w)]) AS (\w+)(?=\s*(,|FROM\b))", given.sql)
    if first:
        word = first[1] if first[1] in _KEY_WORDS else _KEY_WORDS[given.number % len(_KEY_WORDS)]
        yield put(given.sql, first.start(), first.end(), f" {word}"), rf"\bAS\b.{{0,40}}\b{word}\b|\b{word}\b.{{0,120}}\bAS\b"


def group_by(given: Given) -> Wrong:
    """A column left out of GROUP BY."""
    found = list(re.finditer(r"\s*GROUP BY ((?:(?! HAVING)[^\n)])+)", given.sql))
    if found:
        names = arguments(found[-1][1])
        rest = f"\nGROUP BY {', '.join(names[:-1])}" if len(names) > 1 else ""
        yield put(given.sql, found[-1].start(), found[-1].end(), rest), r'(?i)"?[a-z_.]+"? must appear in the group by|add .{0,60}group by'


def ambiguous_column(given: Given) -> Wrong:
    """A column that two of the joined tables have, without the table before it; one that joins them is asked for as well."""
    for qualified in dict.fromkeys(re.findall(r"\b[a-z]\.(\w+)", given.sql)):
        if sum(qualified in columns for columns in given.columns.values()) < 2:
            continue
        parts = re.split(r"( ON [^\n]*)", given.sql)
        wrong = "".join(part if part.startswith(" ON ") else outside_quotes(part, rf"\b[a-z]\.{qualified}\b", qualified) for part in parts)
        main = list(re.finditer(r"^SELECT (?!DISTINCT)", given.sql, re.MULTILINE))
        if wrong == given.sql and main:
            wrong = put(given.sql, main[-1].end(), main[-1].end(), f"{qualified}, ")
        yield wrong, rf"\b\w+\.{qualified}\b"


_OTHER_SCHEMA = {"reporting": "fleet", "tracksolid": "reporting", "tickets": "public", "fuel": "tracksolid"}


def schema_or_table(given: Given) -> Wrong:
    """No schema, another schema, or the table's name in another number or without its prefix."""
    for table in given.question.tables[:1]:
        schema, _, name = table.partition(".")
        pattern, right = rf"\b{schema}\.{name}\b", rf"\b{schema}\.{name}\b|(?s:{schema}.{{0,40}}\b{name}\b)"
        other = name.removeprefix("v_") if name.startswith("v_") else name.removesuffix("s") if name.endswith("s") else f"{name}s"
        if table in given.sql:
            wrong = [(name, right), (f"{_OTHER_SCHEMA[schema]}.{name}", right), (f"{schema}.{other}", rf"\b{name}\b")][given.number % 3]
            yield outside_quotes(given.sql, pattern, wrong[0]), wrong[1]


# What is written elsewhere, by the function that takes the arguments of ours, and what has to be said then.
_RENAMED = [
    ("coalesce", ["ifnull", "nvl", "isnull"], r"(?i)coalesce"),
    ("now", ["getdate", "sysdate"], r"(?i)\bnow\(\)|current_timestamp"),
    ("to_char", ["date_format"], r"(?i)to_char"),
]


def foreign_function(given: Given) -> Wrong:
    """A function of MySQL, SQL Server, Oracle, Snowflake or TimescaleDB."""
    sql = given.sql
    for ours, theirs, right in _RENAMED:
        if re.search(rf"\b{ours}\s*\(", sql):
            yield re.sub(rf"\b{ours}\s*\(", f"{theirs[given.number % len(theirs)]}(", sql), right
    for begin, end, _ in calls(sql, r"percentile_cont"):
        order = sql.index("(", end)
        inner = sql[order + 1 : closing(sql, order)].removeprefix("ORDER BY ")
        yield put(sql, begin, closing(sql, order) + 1, f"median({inner})"), r"(?i)percentile_cont"
        break
    counted = re.search(r"count\(\*\) FILTER \(WHERE ", sql)
    if counted:
        condition = sql[counted.end() : closing(sql, sql.index("(WHERE", counted.start()))]
        end = counted.end() + len(condition) + 1
        wrong = [f"countif({condition})", f"sum(if({condition}, 1, 0))", f"sum(iff({condition}, 1, 0))"][given.number % 3]
        yield put(sql, counted.start(), end, wrong), r"(?i)\bfilter\b|\bcase\b"
    hour = re.search(r"extract\((hour|isodow) FROM ", sql)
    if hour:
        end = closing(sql, sql.index("(", hour.start()))
        name = {"hour": "hour", "isodow": "dayofweek"}[hour[1]]
        yield put(sql, hour.start(), end + 1, f"{name}({sql[hour.end():end]})"), r"(?i)extract|date_part"
    took = re.search(r"extract\(epoch FROM ([\w.]+) - ([\w.]+)\)", sql)
    if took:
        yield put(sql, took.start(), took.end(), f"datediff(minute, {took[2]}, {took[1]})"), r"(?i)extract\s*\(\s*epoch|subtract|minus|\w - \w"
    for begin, end, (unit, *what) in calls(sql, "date_trunc"):
        wrong = f"time_bucket('7 days', {what[0]})" if "week" in unit else f"trunc({what[0]}, 'MM')"
        yield put(sql, begin, end, wrong), r"(?i)date_trunc|date_bin"
        break
    ago = re.search(r"current_date - (\d+)", sql)
    if ago and given.number % 3 == 0:
        yield sql.replace(ago[0], f"dateadd(day, -{ago[1]}, current_date)"), r"(?i)current_date - |interval '"
    elif ago and given.number % 3 == 1:
        yield re.sub(r"\bcurrent_date\b", "curdate()", sql), r"(?i)\bcurrent_date\b"


def own_function(given: Given) -> Wrong:
    """One of the database's functions without its schema, misspelt, with other names for its arguments, or as if it were a table."""
    for function in given.question.functions:
        schema, _, name = function.partition(".")
        for begin, end, values in calls(given.sql, re.escape(function)):
            rest = given.sql[begin + len(function) : end]
            right = rf"\b{schema}\.{name}\b|(?s:{schema}.{{0,40}}\b{name}\b)"
            misspelt = name.replace("isation", "ization") if "isation" in name else name.removesuffix("s") if name.endswith("s") else f"{name}s"
            yield put(given.sql, begin, end, f"{name}{rest}"), right
            yield put(given.sql, begin, end, f"{schema}.{misspelt}{rest}"), rf"\b{name}\b"
            if len(values) == 1:
                value = values[0].rpartition("=> ")[2]
                yield put(given.sql, begin, end, f"{function}(period => {value})"), r"\bp_\w+"
            if re.search(r"FROM $", given.sql[:begin]):
                yield put(given.sql, begin, end, function), rf"\b{name} ?\((?!\))|is a function|as a function"
            break


_GEOMETRY = [
    (r"ST_DWithin\((\w)\.geog, (\w)\.centre, 2000\)", r"ST_Within(\1.geog, \2.boundary)"),
    (r"ST_DWithin\((\w)\.geog, (\w)\.centre, 2000\)", r"ST_DWithin(\1.geom, \2.centre::geometry, 2000, true)"),
    (r"avg\(ST_Distance\((\w)\.geog, (\w)\.centre\)\)", r"avg(ST_X(\1.geog))"),
    (r"avg\(ST_Distance\((\w)\.geog, (\w)\.centre\)\)", r"avg(ST_DistanceSphere(\1.geog, \2.centre))"),
    (r"ST_Distance\((\w)\.geom::geography, (\w)\.centre\)", r"ST_DistanceSphere(\1.geom::geography, \2.centre)"),
    (r"ST_Distance\((\w)\.geom::geography, (\w)\.centre\)", r"ST_X(\2.centre)"),
    (r"ST_Contains\((\w)\.boundary, (\w)\.geom\)", r"ST_Contains(\1.boundary, \2.geom::geography)"),
    (r"ST_Contains\((\w)\.boundary, (\w)\.geom\)", r"ST_Contains(\1.centre, \2.geom)"),
]


def geometry_and_geography(given: Given) -> Wrong:
    """A function that is there for one of the two, with the other."""
    for pattern, wrong in _GEOMETRY:
        if re.search(pattern, given.sql):
            yield re.sub(pattern, wrong, given.sql), r"(?i)::\s*geometry|::\s*geography|as geometry\)"


def time_minus_number(given: Given) -> Wrong:
    """A number taken from a timestamp, which is right with a date."""
    ago = re.search(r"current_date - (\d+)|now\(\) - interval '(\d+) days'", given.sql)
    if ago:
        yield given.sql.replace(ago[0], f"now() - {ago[1] or ago[2]}"), r"(?i)interval '|current_date - "


def interval_without_quotes(given: Given) -> Wrong:
    """INTERVAL 30 DAY, as in MySQL."""
    ago = re.search(r"interval '(\d+) (\w+?)s?'|current_date - (\d+)", given.sql)
    if ago:
        wrong = f"current_date - interval {ago[3]} day" if ago[3] else f"interval {ago[1]} {ago[2]}"
        yield given.sql.replace(ago[0], wrong), r"(?i)interval '\d"


def text_in_double_quotes(given: Given) -> Wrong:
    """A value in the quotes that are for names."""
    value = re.search(r"(?:=|IN \() ?'(\w+)'", given.sql)
    if value:
        yield given.sql.replace(f"'{value[1]}'", f'"{value[1]}"'), rf"(?i)single quote|'{value[1]}'"


def top_for_limit(given: Given) -> Wrong:
    """SELECT TOP 10, as in SQL Server."""
    limit = re.search(r"\s*LIMIT (\d+)$", given.sql)
    main = list(re.finditer(r"^SELECT ", given.sql, re.MULTILINE))
    if limit and main:
        yield put(given.sql[: limit.start()], main[-1].start(), main[-1].end(), f"SELECT TOP {limit[1]} "), r"\bLIMIT\b"


# Another column of the same table, the hidden one, and what must be said of it.
_HIDDEN = [
    ("driver_name", "driver_phone", r"\bhidden\b.*fleet office"),
    ("plate", "sim_number", r"\bmasked\.tracksolid_devices\.sim_number_last_4\b"),
]


def hidden_column(given: Given) -> Wrong:
    """A column that the database hides, or all columns of its table."""
    if "tracksolid.devices" not in given.sql:
        return
    alias = re.search(r"\btracksolid\.devices ([a-z])\b", given.sql)
    # Without an alias a column may be another table's.
    before = rf"(?<=\b{alias[1]}\.)" if alias else r"\b" if given.question.tables == ["tracksolid.devices"] else r"\bdevices\."
    for column, hidden, right in _HIDDEN:
        yield outside_quotes(given.sql, rf"{before}{column}\b", hidden), right
    everything = re.sub(r"\ASELECT (?!DISTINCT)[^()]*?(?=\sFROM tracksolid\.devices\b)", "SELECT *", given.sql)
    if "GROUP BY" not in everything:
        yield everything, r"\bplate\b.*\bdriver_name\b"


KINDS: dict[str, Callable[[Given], Wrong]] = {
    "wrong column name": column_name,
    "`round` of a double precision": cast_in_round,
    "key word as an alias without AS": alias_without_as,
    "column missing in GROUP BY": group_by,
    "ambiguous column": ambiguous_column,
    "schema or table": schema_or_table,
    "function of another database": foreign_function,
    "own function": own_function,
    "geometry and geography": geometry_and_geography,
    "timestamp minus a number": time_minus_number,
    "interval without quotes": interval_without_quotes,
    "text in double quotes": text_in_double_quotes,
    "TOP for LIMIT": top_for_limit,
    "hidden column": hidden_column,
}


def slips(questions: list[Question], columns: Columns) -> list[Slip]:
    """Every slip in every statement in which it can be made, no wrong statement twice."""
    made: dict[str, Slip] = {}
    for number, question in enumerate(questions):
        own = {table: columns[table] for table in question.tables}
        for kind, make in KINDS.items():
            for sql, correction in make(Given(question, number, own)):
                if sql != question.gold.strip():
                    made.setdefault(sql, Slip(kind, question.id, sql, correction))
    return list(made.values())
