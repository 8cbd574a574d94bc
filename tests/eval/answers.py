"""Is an answer right? Two result sets are compared as sets of rows, whatever their columns are called."""
from __future__ import annotations

import datetime
import json
import re

Row = tuple[object, ...]

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE)


def rows(text: str) -> list[Row]:
    """The rows of a JSON list of objects, in which a column's name may stand twice."""
    entries = json.loads(text, object_pairs_hook=lambda pairs: tuple(value for _, value in pairs))
    return [tuple(_plain(value) for value in entry) for entry in entries]


def _plain(value: object) -> object:
    """Numbers as floats and times as moments, however they are written."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float) or isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, str) and _TIME.match(value):
        moment = datetime.datetime.fromisoformat(value)
        return moment.astimezone(datetime.UTC) if moment.tzinfo else moment
    return value


def difference(got: list[Row], right: list[Row], ordered: bool, tolerance: float) -> str:
    """What is wrong with the rows got, or ""."""
    if len(got) != len(right):
        return f"{len(got)} rows, not {len(right)}"
    if not ordered:
        got, right = sorted(got, key=_order), sorted(right, key=_order)
    for mine, other in zip(got, right, strict=True):
        if len(mine) != len(other) or not all(_same(a, b, tolerance) for a, b in zip(mine, other, strict=True)):
            return f"{_shown(mine)}, not {_shown(other)}"
    return ""


def implausible(got: list[Row]) -> str:
    """What makes one doubt an answer without knowing the right one, or ""."""
    if not got:
        return "no rows"
    for index, column in enumerate(zip(*got, strict=True)):
        if all(value is None for value in column):
            return f"column {index + 1} is empty"
    return ""


def _order(row: Row) -> tuple[list[str], list[float]]:
    """Words first: numbers may differ a little between two answers that are equal."""
    words = [str(value) for value in row if not isinstance(value, float)]
    return words, [value for value in row if isinstance(value, float)]


def _same(a: object, b: object, tolerance: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= max(tolerance, 1e-9 * abs(a))
    return a == b


def _shown(row: Row) -> str:
    return "(" + ", ".join(str(value) for value in row) + ")"
