"""Results in the view: the table and its order, CSV, all rows, and the pictures that the view chooses for the demo's own queries."""
from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from view_host import PICTURES, Host, answered, call, said
from view_samples import COLUMNS, LINE, PLATES, TABLE, point

# The table ───────────────────────────────────────────────────────────────────────────────────────────────────────────


MIXED = answered(
    ["n text", "count int8", "day date", "money numeric", "took interval", "ok bool"],
    [
        ["item 10", 10, "2026-10-01", "12345678901234567891.5", "2 days", True],
        ["item 9", 9, "2026-09-30", "12345678901234567890.5", "23:00:00", False],
        ["", None, None, None, None, None],
        [None, -2, "2025-12-31", "-0.25", "-01:00:00", True],
        ["item 1", 2, "2026-01-02", 7, "1 mon", False],
    ],
)


def test_sorting(show):
    host = show(MIXED)
    expected = {
        "count": ["-2", "2", "9", "10", "null"],
        "day": ["31 Dec 2025", "2 Jan 2026", "30 Sept 2026", "1 Oct 2026", "null"],
        "took": ["-01:00:00", "23:00:00", "2 days", "1 mon", "null"],
        "n": ["", "item 1", "item 9", "item 10", "null"],
        "ok": ["false", "false", "true", "true", "null"],
    }
    names = ["n", "count", "day", "money", "took", "ok"]
    for name, values in expected.items():
        number = names.index(name) + 1
        host.sort_by(name)
        assert host.column(number) == values
        expect(host.head(name)).to_have_attribute("aria-sort", "ascending")
        host.sort_by(name)
        assert host.column(number) == [*reversed(values[:-1]), "null"], "null stays last"
        expect(host.head(name)).to_have_attribute("aria-sort", "descending")
        host.sort_by(name)
        assert host.column(1) == ["item 10", "item 9", "", "null", "item 1"], "as the query has it"
    host.sort_by("money")
    exact = [text.replace(",", "") for text in host.column(4)]
    assert exact[0].startswith("-0.25") and exact[1].startswith("7") and exact[2] < exact[3], exact
    assert host.column(1)[2:4] == ["item 9", "item 10"], "numbers that differ only in what JavaScript's do not hold"


def test_null_is_not_empty(show):
    host = show(answered(["note text", "other text"], [["", "a"], [None, "b"], ["null", "c"]]))
    cells = host.frame.locator("tbody td:nth-child(1)")
    assert host.column(1) == ["", "null", "null"]
    looks = cells.evaluate_all("cells => cells.map(cell => [getComputedStyle(cell).fontStyle, getComputedStyle(cell).color].join())")
    assert looks[1] != looks[2] == looks[0]


def test_numbers_stand_right(show):
    host = show(TABLE)
    aligned = host.frame.locator("tbody tr").first.locator("td").evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")
    assert aligned == ["left", "left", "left", "right", "right"]
    heads = host.frame.get_by_role("columnheader").evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")
    assert heads == aligned
    assert {len(text.partition(".")[2]) for text in host.column(4)} == {1}, "the same decimals, so that the points stand in line"


def test_the_hosts_language(show):
    host = show(answered(["n numeric", "day date", "vehicle_id int8"], [[1234567.5, "2026-10-04", 12345]]), locale="de-DE")
    assert host.column(1) == ["1.234.567,5"] and host.column(2) == ["04.10.2026"]
    assert host.column(3) == ["12345"], "a name, not an amount"


def test_times_are_those_of_the_database(show):
    host = show(answered(["at timestamptz"], [["2026-06-17T23:30:00+03:00"]]), context={"timeZone": "America/New_York"}, timezone_id="Asia/Tokyo")
    host.see(re.compile("17 Jun 2026, 23:30"))


@pytest.mark.parametrize("rows", [200, 5000])
def test_pages(show, rows):
    host = show(answered(["n int8", "plate text"], [[n, f"KD {n}"] for n in range(1, rows + 1)], view={"view": "table"}))
    host.see(f"{rows:,} rows")
    seen = host.column(1)
    assert seen == [f"{n:,}" for n in range(1, len(seen) + 1)] and len(seen) >= 3
    host.button("Next page").click()
    assert host.column(1)[0] == str(len(seen) + 1)
    host.button("Last page").click()
    assert host.column(1)[-1] == f"{rows:,}"
    expect(host.button("Next page")).to_have_attribute("aria-disabled", "true")
    host.button("Next page").click(force=True)
    assert host.column(1)[-1] == f"{rows:,}"
    host.button("First page").click()
    assert host.column(1) == seen
    host.sort_by("n")
    host.sort_by("n")
    assert host.column(1)[0] == f"{rows:,}"
    host.check_size()


# CSV, copying ────────────────────────────────────────────────────────────────────────────────────────────────────────

EXPORTED = answered(
    ["name text", "n numeric", "=HYPERLINK(1) text", "at timestamptz", "tags text[]", "geom geometry"],
    [
        ["=1+1", 123456789012345, "+254 700 000", "2026-06-17T11:00:00+03:00", ["a", "b"], point(36.8, -1.3)],
        ["-5", "12345678901234567890.12", "@SUM(A1)", None, [], None],
        ['say "hi", then', "-0.5", "-cmd", "infinity", None, None],
        ["two\nlines", None, "\tTab", None, None, None],
        ["", 0, "plain", None, None, None],
    ],
    title="Übersicht: Fills / Week",
)
CSV = """\
name,n,'=HYPERLINK(1),at,tags,geom
'=1+1,123456789012345,'+254 700 000,2026-06-17T11:00:00+03:00,"[""a"",""b""]","{""type"":""Point"",""coordinates"":[36.8,-1.3]}"
-5,12345678901234567890.12,'@SUM(A1),,[],
"say ""hi"", then",-0.5,'-cmd,infinity,,
"two;lines",,"'\tTab",,,
"",0,plain,,,
""".replace("\n", "\r\n").replace(";", "\n")


def test_download(show):
    host = show(EXPORTED)
    host.button("Download CSV").click()
    host.see("5 rows handed over as CSV.")
    (sent,) = host.sent("ui/download-file")
    (content,) = sent["params"]["contents"]
    assert content["resource"]["uri"] == "file:///ubersicht-fills-week.csv" and content["resource"]["mimeType"] == "text/csv"
    assert content["resource"]["text"] == CSV


def test_a_download_that_is_refused(show):
    host = show(TABLE)
    host.page.evaluate("answers['ui/download-file'] = () => ({ isError: true })")
    host.button("Download CSV").click()
    host.see("The file was not saved.")


def test_without_download_rows_can_be_copied(show):
    host = show(EXPORTED, capabilities={"serverTools": {}})
    expect(host.button("Download CSV")).to_have_count(0)
    host.button("Copy rows").click()
    host.see(re.compile("copied|Copy the selected text"))
    host.check_size()


def test_copying_where_the_host_allows_it(show):
    host = show(TABLE, capabilities={}, allow="clipboard-write", permissions=["clipboard-read", "clipboard-write"])
    host.button("Copy rows").click()
    host.see("40 rows copied.")
    lines = host.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0] == "plate\tdriver\tday\tkm\ttrips" and lines[1].split("\t") == [PLATES[0], "Driver 0", "2026-06-01", "1000", "0"]


def test_empty_and_failed_results_have_no_tools(show):
    host = show(answered(COLUMNS, []))
    host.see("No rows")
    assert host.frame.get_by_role("button").all_inner_texts() == []
    host.give(said("no", isError=True))
    host.see("The server answered with an error")
    assert host.frame.get_by_role("button").all_inner_texts() == []


# All rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────

MANY = "SELECT n, 'KDA ' || n AS plate FROM generate_series(1, 3000) AS n"
SHOWN = "3,000 rows"


def preview(**arguments) -> dict:
    result = call("show_query", {"sql": MANY, "title": "Numbers", "view": "table", **arguments})
    told = json.loads(result["content"][0]["text"])
    assert told["truncated"] and told["row_count"] < 3000
    return result


def aged(result: dict) -> dict:
    told = json.loads(result["content"][0]["text"])
    return said(json.dumps({**told, "as_of": "2026-01-01T08:00:00Z"}))


@pytest.mark.parametrize("arguments", [{}, {"max_rows": 50}], ids=["cut by the server", "cut by the model"])
def test_a_fresh_answer_fills_itself(show, arguments):
    sent = {"sql": MANY, "title": "Numbers", "view": "table", **arguments}
    host = show(("tool-input", {"arguments": sent}), preview(**arguments))
    host.see(SHOWN)
    ((tool, given),) = host.calls
    assert tool == "show_rows" and given["sql"] == MANY
    expect(host.frame.get_by_role("heading")).to_have_text("Numbers")
    expect(host.button("Load all rows")).to_have_count(0)
    host.give(preview(**arguments))
    host.settle()


def test_an_old_answer_is_filled_by_hand(show):
    """A conversation that is opened again must not run queries by itself."""
    host = show(("tool-input", {"arguments": {"sql": MANY}}), aged(preview()))
    host.settle()
    host.see("Showing the first")
    assert host.calls == []
    host.sort_by("n")
    host.sort_by("n")
    host.button("Load all rows").click()
    host.see(SHOWN)
    assert [tool for tool, _ in host.calls] == ["show_rows"] and host.calls[0][1]["sql"] == MANY
    expect(host.button("Load all rows")).to_have_count(0)
    expect(host.head("n")).to_have_attribute("aria-sort", "descending")
    host.button("Download CSV").click()
    (sent,) = host.sent("ui/download-file")
    assert sent["params"]["contents"][0]["resource"]["text"].count("\r\n") == 3001


def test_rows_that_cannot_be_loaded(show):
    def fail(*_):
        raise RuntimeError("the host is offline")

    for answer, text in ((fail, "the host is offline"), (lambda *_: said('{"error":{"message":"too slow"}}', isError=True), "too slow")):
        host = show(("tool-input", {"arguments": {"sql": MANY}}), aged(preview()), answer=answer)
        host.button("Load all rows").click()
        host.see("could not be loaded", re.compile(text), "Showing the first")
        assert len(host.calls) == 1
        expect(host.button("Load all rows")).to_be_visible()
        host.check_size()


def test_rows_that_cannot_be_asked_for(show):
    host = show(("tool-input", {"arguments": {"sql": MANY}}), preview(), capabilities={"downloadFile": {}})
    host.settle()
    host.see("Showing the first", "the query has more")
    expect(host.button("Load all rows")).to_have_count(0)


def test_even_all_rows_can_be_too_many(show):
    sql = "SELECT n, repeat('x', 90) AS text FROM generate_series(1, 10000) AS n"
    host = show(("tool-input", {"arguments": {"sql": sql}}), call("show_query", {"sql": sql}))
    host.see(re.compile("Showing the first 1,[0-9]{3} rows; the query has more."))
    assert len(host.calls) == 1
    expect(host.button("Load all rows")).to_have_count(0)


# The demo's own queries ──────────────────────────────────────────────────────────────────────────────────────────────

# what a fleet analyst would choose: the kind, the x axis or the bars, the measures, the groups
CHOSEN = {
    "top_cost_centres_by_distance": ("bar", "cost_centre", ["km"], None),
    "utilisation_by_cost_centre": ("bar", "cost_centre", ["utilisation_pct"], None),
    "idle_ranking": ("bar", "plate", ["idle_hours"], None),
    "driver_scores": ("bar", "driver_name", ["events_per_100km"], None),
    "night_driving": ("bar", "plate", ["km"], None),
    "trips_of_a_vehicle": "table",
    "nearest_vehicles": "table",
    "silent_vehicles": "table",
    "data_freshness": "table",
    "fuel_cost_by_cost_centre": ("bar", "cost_centre", ["cost_kes"], None),
    "fuel_consumption_by_vehicle": ("bar", "plate", ["above_rated_pct"], None),
    "cost_per_km_by_month": ("bar", "cost_centre", ["cost_per_km_kes"], None),
    "suspicious_fills": "table",
    "open_incidents_by_region_and_sla": ("stacked", "region", ["open"], "sla_status"),
    "mttr_by_cluster_this_month": ("bar", "cluster", ["mttr_hours"], None),
    "backlog_by_day": ("line", "day", ["open_at_end", "opened", "closed", "closed_late"], None),
    "repeat_sites": ("bar", "location", ["incidents"], None),
    "coming_changes": "table",
}
MAPS = {
    "boundaries": "SELECT region, cluster, boundary FROM tickets.geo_clusters",
    "centres": "SELECT cluster, centre FROM tickets.geo_clusters",
    "a vehicle's day": """
        SELECT ts, speed_kmh, geom FROM tracksolid.positions WHERE device_id = (SELECT device_id FROM tracksolid.devices WHERE plate = 'KCL 819F')
        AND ts >= current_date - 7 ORDER BY ts""",
    "columns": "SELECT name, latitude, longitude FROM tickets.geo_locations LIMIT 100",
    "last positions": "SELECT DISTINCT ON (device_id) device_id, ts, lat, lon FROM tracksolid.positions ORDER BY device_id, ts DESC",
}
READ = """() => {
    const one = (id) => document.getElementById(id)?.selectedOptions?.[0]?.textContent ?? null;
    const checked = [...document.querySelectorAll("[id^=column-y-]:checked")].map(({ labels }) => labels[0].textContent);
    const group = one("column-group");
    return [document.getElementById("kind").value, one("column-x"), one("column-y") ? [one("column-y")] : checked, group === "None" ? null : group];
}"""


def chosen(host: Host) -> str | tuple:
    """The picture that the view has chosen; of a chart also its columns, as the person who would change them sees them."""
    host.settle()
    if not host.frame.get_by_role("radio").count() or host.frame.get_by_role("radio", name="Table").is_checked():
        return "table"
    if host.frame.get_by_role("radio", name="Map").count() and host.frame.get_by_role("radio", name="Map").is_checked():
        return "map"
    if host.button("Columns").get_attribute("aria-expanded") == "false":
        host.button("Columns").click()
    return tuple(host.inside(READ))


def test_the_columns_of_a_chart_can_be_chosen(show):
    host = show(LINE)
    host.button("Columns").click()
    assert chosen(host) == ("line", "day", ["opened", "closed"], None)
    host.frame.get_by_role("checkbox", name="closed").uncheck()
    host.frame.get_by_label("Kind of chart").select_option(label="Bars")
    assert chosen(host) == ("bar", "day", ["opened"], None)
    host.settle()
    host.check_size()


def verified_queries() -> list[dict]:
    listed = call("query", {"sql": "SELECT name, sql, question FROM analytics_meta.verified_query ORDER BY name"})
    return json.loads(listed["content"][0]["text"])["rows"]


def test_the_view_of_each_verified_query(show):
    host = show()
    found = {}
    for query in verified_queries():
        answer = call("show_query", {"sql": query["sql"], "title": query["question"]})
        assert not answer.get("isError"), answer
        host.notify("tool-input", {"arguments": {"sql": query["sql"], "title": query["question"]}})
        host.give(answer)
        found[query["name"]] = chosen(host)
        host.check_size()
        host.picture(f"demo-{query['name']}")
    assert found == CHOSEN
    assert host.calls == []


def test_maps_of_the_demo(show):
    host = show()
    for name, sql in MAPS.items():
        answer = call("show_query", {"sql": sql, "title": name})
        assert not answer.get("isError") and json.loads(answer["content"][0]["text"])["row_count"] > 0, answer
        host.give(answer)
        assert chosen(host) == "map", name
        host.check_size()
        host.picture(f"demo-map-{name.replace(' ', '-')}")


LAST = """
    SELECT d.plate, d.region, p.ts AS last_fix, p.geom FROM tracksolid.devices d CROSS JOIN LATERAL
    (SELECT ts, geom FROM tracksolid.positions WHERE device_id = d.device_id ORDER BY ts DESC LIMIT 1) AS p"""
# title, SQL or the name of a verified query, and what the host is like
DOCUMENTED = {
    "table": ("The vehicles nearest to Westlands", "nearest_vehicles", {}),
    "chart": ("Backlog of incidents", "backlog_by_day", {}),
    "map": ("Where the vehicles are now", LAST, {}),
    "dark": ("Open incidents by region and SLA", "open_incidents_by_region_and_sla", {"theme": "dark"}),
    "phone": ("Top cost centres", "top_cost_centres_by_distance", {"size": (360, 740), "is_mobile": True, "has_touch": True}),
}


def test_pictures_of_the_documentation(show):
    """`make view-pictures` takes them into docs/view/."""
    verified = {query["name"]: query["sql"] for query in verified_queries()}
    for name, (title, sql, settings) in DOCUMENTED.items():
        host = show(call("show_query", {"title": title, "sql": verified.get(sql, sql)}), device_scale_factor=2, **settings)
        host.see(title)
        host.settle()
        host.page.locator("iframe").screenshot(path=PICTURES / f"documentation-{name}.png")


def test_ten_thousand_rows(show, capsys):
    """A second is what they may take; only looked at, since machines differ."""
    real = "SELECT speed_kmh::int AS speed, heading FROM tracksolid.positions CROSS JOIN generate_series(1, 2)"
    answers = {
        "real rows as a table": call("show_rows", {"sql": real}),
        "a table": answered(["plate text", "at timestamptz", "km float8"], [[f"KD {n}", f"2026-06-17T{n // 500:02}:00:00+03:00", n / 7] for n in range(10_000)]),
        "a line": answered(["at timestamp", "km float8"], [[f"2026-06-{1 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:00", n % 97] for n in range(10_000)], view={"view": "line"}),
        "bars": answered(["plate text", "km float8"], [[f"KD {n}", n % 977] for n in range(10_000)], view={"view": "bar"}),
        "a scatter": answered(["a float8", "b float8"], [[n * 31 % 1009, n * 17 % 997] for n in range(10_000)], view={"view": "scatter"}),
        "a map": answered(["plate text", "geom geometry"], [[f"KD {n}", point(34 + n % 100 / 20, -4 + n // 100 / 20)] for n in range(10_000)]),
    }
    assert json.loads(answers["real rows as a table"]["content"][0]["text"])["row_count"] == 10_000
    host = show()
    took = {}
    for name, answer in answers.items():
        began = time.monotonic()
        host.give(answer)
        host.settle()
        took[name] = f"{1000 * (time.monotonic() - began):.0f} ms"
        host.see("10,000 rows")
        host.check_size()
        host.picture(f"many-{name.replace(' ', '-')}")
    with capsys.disabled():
        print("\n10,000 rows drawn: " + ", ".join(f"{name} in {time}" for name, time in took.items()))
