"""What every client must see: the tools, one call of each, and the calls that must be refused.

The clients differ in how they ask; what the server must answer is the same and stands here once.
"""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

TOP_COST_CENTRES = """
SELECT cost_centre, round(sum(distance_km)) AS km
FROM reporting.v_daily_summary WHERE day >= current_date - 30
GROUP BY 1 ORDER BY 2 DESC LIMIT 5
"""


def endpoint() -> tuple[str, dict[str, str]]:
    """The server under test and the header that lets a client in. Without them this fails: there is nothing to skip."""
    return os.environ["ANALYTICS_URL"], {"Authorization": f"Bearer {os.environ['ANALYTICS_TOKEN']}"}


def as_superuser(sql: str) -> str:
    command = [os.environ["ANALYTICS_PSQL"], "-XqAtc", sql, "-d", os.environ["ANALYTICS_SUPERUSER_DSN"]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout


def running(text: str) -> int:
    """How many statements with this text run in the database now, asked as its superuser."""
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND position('{text}' IN query) > 0 AND pid <> pg_backend_pid()"
    return int(as_superuser(sql))


@contextlib.contextmanager
def slow_query() -> Iterator[str]:
    """A statement that takes 7 s: the server tells the progress of a call every 5 s."""
    as_superuser("""
        CREATE FUNCTION reporting.test_nap(seconds float8) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp AS $$ SELECT 'rested' FROM pg_sleep(seconds) $$;
        GRANT EXECUTE ON FUNCTION reporting.test_nap TO analytics_ro
    """)
    try:
        yield "SELECT reporting.test_nap(7) AS nap"
    finally:
        as_superuser("DROP FUNCTION reporting.test_nap")


def check_progress(told: list[tuple[float, float | None, str | None]], answer: str) -> None:
    """What the client was told while the slow query ran (progress, total, message), and the answer after it."""
    progress = [step[0] for step in told]
    assert progress and progress == sorted(set(progress)) and progress[0] > 0, told
    assert json.loads(answer)["rows"] == [{"nap": "rested"}], answer


class Log:
    """What the server writes to its log from now on."""

    def __init__(self) -> None:
        self._path = Path(os.environ["ANALYTICS_SERVER_LOG"])
        self._from = self._path.stat().st_size

    def text(self) -> str:
        return self._path.read_bytes()[self._from :].decode()

    def events(self, event: str) -> list[dict]:
        entries = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry["event"] == event]

    def analysts(self, event: str) -> list[str]:
        return [entry["analyst"] for entry in self.events(event)]

    def check_sign_in(self, hidden: list[str], **told: str) -> None:
        """One sign-in, in the analyst's name and with this told of it, and none of these secrets anywhere."""
        (entry,) = self.events("signed_in")
        assert entry == {**entry, "analyst": os.environ["ANALYTICS_ANALYST"], **told}
        assert len(set(hidden)) == len(hidden) and all(len(secret) > 20 for secret in hidden), hidden
        assert [secret for secret in hidden if secret in self.text()] == []


def rows(answer: dict) -> list[dict]:
    assert answer["row_count"] == len(answer["rows"]), answer
    return answer["rows"]


def _begins(text: str, *beginnings: str) -> None:
    """Each is the beginning of a line."""
    missing = [beginning for beginning in beginnings if not any(line.startswith(beginning) for line in text.splitlines())]
    assert not missing, (missing, text)


def _schemas(text: str) -> None:
    _begins(text, "Now: 2", "reporting: ", "tracksolid: ", "tickets: ", "fuel: ")


def _hits(text: str) -> None:
    _begins(text, "metric idle_", "column ")


def _tables(text: str) -> None:
    _begins(text, "v_daily_summary: view, ", "v_trips: materialized view, ")


def _description(text: str) -> None:
    _begins(text, "tickets.inc: table", "ticket_id bigint", "comment text", "primary key (ticket_id)")


def _functions(text: str) -> None:
    _begins(text, "fn_top_cost_centres(p_days integer DEFAULT 30")


def _sample(text: str) -> None:
    header, *lines = text.splitlines()
    assert header.startswith("device_id,ts,") and len(lines) == 3, text
    assert all('""type"":""Point""' in line for line in lines), text


def _top(text: str) -> None:
    answer = json.loads(text)
    km = [row["km"] for row in rows(answer)]
    assert len(km) == 5 and km == sorted(km, reverse=True) and km[0] > 0, answer
    assert answer["truncated"] is False
    assert [column.split()[0] for column in answer["columns"]] == ["cost_centre", "km"]


def _shown(text: str) -> None:
    answer = json.loads(text)
    km = [row[1] for row in answer["rows"]]
    assert len(km) == answer["row_count"] == 5 and km == sorted(km, reverse=True) and km[0] > 0, answer
    assert answer["truncated"] is False and answer["columns"] == ["cost_centre text", "km numeric"]


# tool, arguments, check of the answer: every tool once
CALLS = [
    ("list_schemas", {}, _schemas),
    ("search", {"words": "idle hours"}, _hits),
    ("list_tables", {"schema": "reporting"}, _tables),
    ("describe_table", {"schema": "tickets", "table": "inc"}, _description),
    ("list_functions", {}, _functions),
    ("sample_table", {"schema": "tracksolid", "table": "positions", "n": 3}, _sample),
    ("show_query", {"sql": TOP_COST_CENTRES, "title": "Top cost centres"}, _shown),
    ("show_rows", {"sql": TOP_COST_CENTRES}, _shown),
    ("query", {"sql": TOP_COST_CENTRES}, _top),
]

TOOLS = [tool for tool, _, _ in CALLS]

# name, tool, arguments, the code, and a part of the text that says what to do
REFUSED = [
    ("guard", "query", {"sql": "DELETE FROM tickets.inc"}, "GUARD_", "SELECT"),
    ("second statement", "query", {"sql": "SELECT 1; SELECT 2"}, "GUARD_", "one statement"),
    ("lock", "query", {"sql": "SELECT pg_advisory_lock(1)"}, "GUARD_", "pg_advisory_lock"),
    ("sql error", "query", {"sql": "SELECT cost_center FROM reporting.v_daily_summary"}, "SQL_ERROR", "cost_centre"),
    ("no privilege", "query", {"sql": "SELECT * FROM infrastructure.nowhere"}, "SQL_ERROR", "infrastructure"),
    ("unknown argument", "query", {"sql": "SELECT 1", "limit": 5}, "ARGUMENT", "max_rows"),
    ("out of range", "query", {"sql": "SELECT 1", "max_rows": 0}, "ARGUMENT", "from 1 to"),
    ("unknown schema", "list_tables", {"schema": "infrastructure"}, "ARGUMENT", "tickets"),
    ("unknown table", "describe_table", {"schema": "tickets", "table": "incs"}, "NOT_FOUND", "inc"),
]


def check_tools(tools: list[dict]) -> None:
    """`tools` as plain JSON, in the order listed."""
    assert sorted(tool["name"] for tool in tools) == sorted(TOOLS)
    for tool in tools:
        name, schema = tool["name"], tool["inputSchema"]
        assert schema["type"] == "object" and schema["additionalProperties"] is False, name
        assert set(schema.get("required", [])) <= set(schema["properties"]), name
        assert all("type" in property for property in schema["properties"].values()), name
        assert tool["annotations"]["readOnlyHint"] is True and tool["title"], name
        assert 40 < len(tool["description"].encode()) < 2048, name
        assert tool.get("outputSchema") is None, name


def check_answer(is_error: bool | None, texts: list[str], structured: object, check: object) -> None:
    assert not is_error, texts
    assert structured is None, "clients that see structuredContent drop the text"
    check(texts[0])


def check_refusal(is_error: bool | None, texts: list[str], code: str, fix: str) -> None:
    assert is_error is True, texts
    error = json.loads(texts[0])["error"]
    assert error["code"].startswith(code), error
    assert fix in texts[0], error
