"""The view of the results in Chromium, in a host that behaves as Claude does: every state, what people do in it, and what it must not do.

Leaves a picture of each state in target/test/view/, for people to look at.
"""
from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Locator, expect

import browser
import cases
import view_host
from view_host import CAPABILITIES, Host, Stopwatch, answered, call, document, said

SQL = "SELECT plate, driver_name AS driver, day, km, trips FROM somewhere"
INPUT = ("tool-input", {"arguments": {"sql": SQL}})
PLATES = [f"KD{chr(65 + n % 26)} {100 + 37 * n % 900}{chr(65 + n % 7)}" for n in range(40)]
LIST = [[plate, None if n % 9 == 4 else f"Driver {n}", f"2026-06-{1 + n % 30:02}", round(1000 / (n + 1), 1), n % 5] for n, plate in enumerate(PLATES)]
COLUMNS = ["plate text", "driver text", "day date", "km numeric", "trips int8"]
DAYS = [[str(date(2026, 6, 1) + timedelta(days=n)), 40 + n * 7 % 25, 30 + n * 5 % 20] for n in range(30)]
REGIONS = [[region, status, 3 + n * 5 % 11] for n, region in enumerate(["Nairobi", "Mombasa", "Kisumu"]) for status in ("breached", "at_risk", "within")]
FILLS = [[20 + n * 7 % 40, 100 + n * 31 % 700, f"KDA {n}"] for n in range(60)]


def point(lon: float, lat: float) -> dict:
    return {"type": "Point", "coordinates": [lon, lat]}


def square(lon: float, lat: float, size: float) -> dict:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


SITES = [[f"Site {n}", n * 3 % 17, point(34 + n % 7, -3 + n % 5)] for n in range(20)]
ROUTES = [[f"Route {n}", {"type": "LineString", "coordinates": [[36.8, -1.3], [36.9 + n / 9, -1.2 + n / 7], [39.6, -4]]}] for n in range(3)]
AREAS = [[f"Area {n}", n * 5 % 8, square(36.6 + n / 9, -1.4 + n / 13, 0.1)] for n in range(8)]
TABLE = answered(COLUMNS, LIST, title="Vehicles of the week")
LINE = answered(["day date", "opened int8", "closed int8"], DAYS, title="Incidents per day")
# what is given to the view, and what can be read in it
STATES = {
    "waiting": ([INPUT], ["Running the query…", "SQL"]),
    "cancelled": ([INPUT, ("tool-cancelled", {"reason": "user action"})], ["The query was cancelled"]),
    "error": ([said('{"error":{"code":"SQL_ERROR","message":"column cost_center does not exist"}}', isError=True)], ["cost_center does not exist"]),
    "not-json": ([said("Too large: see the file result-1.txt")], ["This is not a table", "see the file result-1.txt"]),
    "empty": ([INPUT, answered(COLUMNS, [])], ["No rows"]),
    "cut": ([answered(COLUMNS, LIST, truncated=True, truncated_by="rows", notice="Ask for fewer.")], ["Showing the first 40 rows", "the query has more"]),
    "table": ([INPUT, TABLE], ["Vehicles of the week", PLATES[0], "40 rows"]),
    "line": ([LINE], ["Incidents per day", "30 rows"]),
    "bars": ([answered(["cost_centre text", "km numeric"], [[f"Centre {n}", 900 / n] for n in range(1, 12)])], ["11 rows"]),
    "stacked": ([answered(["region text", "sla_status text", "open int8"], REGIONS)], ["9 rows"]),
    "scatter": ([answered(["litres numeric", "km numeric", "plate text"], FILLS, view={"view": "scatter"})], ["60 rows"]),
    "points": ([answered(["site text", "incidents int8", "geom geometry"], SITES)], ["20 rows"]),
    "routes": ([answered(["route text", "geom geometry"], ROUTES)], ["3 rows"]),
    "areas": ([answered(["area text", "incidents int8", "boundary geometry"], AREAS)], ["8 rows"]),
}
LOOKS = [("light", 720), ("light", 1280), ("dark", 720), ("dark", 320)]


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def html():
    return document()


@pytest.fixture
def show(chromium, html):
    """Opens the view in a host that gives it this; at the end, all that it has sent is checked."""
    hosts = []

    def open_host(*given, **settings):
        hosts.append(Host(chromium, html, *given, **settings))
        return hosts[-1]

    yield open_host
    for host in hosts:
        host.check()
        host.close()


def check_size(host: Host) -> None:
    """Inline: not collapsed, not too high, as high as it has told the host, and nothing sticks out at its side."""
    assert 0 < host.height() <= 500
    assert host.page.evaluate("frame.offsetHeight") == pytest.approx(host.height(), abs=1)
    assert host.inside("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", STATES)
def test_states(show, name):
    given, texts = STATES[name]
    host = show(*given)
    for theme, width in LOOKS:
        host.resize(width)
        host.change(theme=theme)
        host.settle()
        host.see(*texts)
        check_size(host)
        host.picture(f"{name}-{width}-{theme}")
        if (theme, width) in (("light", 720), ("dark", 320)):
            assert host.axe() == []
    assert host.calls == []


def test_axe_would_object(show):
    host = show(TABLE)
    host.inside("document.querySelector('td').style.color = '#999'; document.querySelector('html').lang = ''")
    assert [each.partition(":")[0] for each in host.axe()] == ["color-contrast", "html-has-lang"]


# The conversation ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_handshake(show):
    host = show()
    first, second, *rest = host.sent()
    assert first["params"]["protocolVersion"] == "2026-01-26"
    assert second["method"] == "ui/notifications/initialized"
    assert {each["method"] for each in rest} <= {"ui/notifications/size-changed"}
    assert host.page.evaluate("frame.style.visibility") == "visible"
    host.settle()
    check_size(host)


def test_a_host_that_refuses(show):
    """Which would show the frame, or it would be of no use."""
    host = show(refusal={"code": -32602, "message": "No views today"})
    expect(host.frame.get_by_role("main")).to_contain_text(re.compile("could not connect.*No views today"))
    assert [each["method"] for each in host.sent()] == ["ui/initialize"]
    assert host.height() > 0


def test_questions_of_the_host(show):
    host = show(TABLE)
    assert host.ask("ping")["result"] == {}
    assert host.ask("ui/nonsense")["error"]["code"] == -32601
    assert host.ask("ui/resource-teardown")["result"] == {}


@pytest.mark.parametrize("odd", [None, 7, "text", [], {"id": 1}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "method": 5}, {"jsonrpc": "2.0", "id": 99, "result": {}}])
def test_odd_messages(show, odd):
    host = show(INPUT, TABLE)
    host.page.evaluate("odd => frame.contentWindow.postMessage(odd, '*')", odd)
    for method in ("tool-input", "tool-input-partial", "tool-result", "tool-cancelled", "host-context-changed", "sandbox-resource-ready", "unknown"):
        host.page.evaluate("([method, odd]) => notify(method, odd)", [method, odd if method != "tool-result" else {}])
    host.settle()


def test_another_window_is_not_heard(show):
    host = show()
    message = {"jsonrpc": "2.0", "method": "ui/notifications/tool-result", "params": answered(["forged text"], [["FORGED"]])}
    host.page.evaluate(
        """message => new Promise(done => {
            const other = document.createElement("iframe");
            other.srcdoc = `<script>parent.frames[0].postMessage(${JSON.stringify(message)}, "*"); parent.postMessage("posted", "*")</script>`;
            addEventListener("message", ({ data }) => data === "posted" && done());
            document.body.append(other);
        })""",
        message,
    )
    host.page.evaluate("document.querySelectorAll('iframe')[1].remove()")
    host.settle()
    expect(host.text("FORGED")).to_have_count(0)
    host.give(TABLE)
    host.see(PLATES[0])


def test_input_and_result_in_either_order(show):
    for given in ([INPUT, TABLE], [TABLE, INPUT]):
        host = show(*given)
        host.see("Vehicles of the week", "40 rows")
        assert host.calls == []


def test_input_that_is_still_being_written(show):
    host = show(("tool-input-partial", {"arguments": {"sql": "SELECT pl", "title": "Veh"}}))
    host.settle()
    host.notify("tool-input", {"arguments": {"sql": SQL, "title": "Vehicles"}})
    expect(host.frame.get_by_role("heading")).to_have_text("Vehicles")
    host.text("SQL").click()
    host.see(SQL)


def test_no_result(show):
    """The query is run by the person alone, not by the view."""
    host = show(INPUT, answer=lambda *_: TABLE, clock=True)
    run = host.button("Run the query")
    expect(run).to_have_count(0)
    host.page.clock.fast_forward(6000)
    expect(run).to_be_visible()
    assert host.calls == []
    run.click()
    host.see(PLATES[0])
    ((tool, arguments),) = host.calls
    assert tool == "show_rows" and arguments["sql"] == SQL


def test_no_result_and_no_way_to_run(show):
    host = show(INPUT, capabilities={}, clock=True)
    host.page.clock.fast_forward(60_000)
    host.see("Running the query…")
    expect(host.button("Run the query")).to_have_count(0)


def test_a_result_after_all(show):
    host = show(INPUT, clock=True)
    host.page.clock.fast_forward(6000)
    host.give(TABLE)
    host.see(PLATES[0])
    expect(host.button("Run the query")).to_have_count(0)


def test_a_conversation_that_is_opened_again(show):
    """The same once more changes nothing; another one takes its place."""
    host = show(INPUT, LINE)
    host.settle()
    before = host.inside("document.querySelector('main').innerHTML")
    host.notify(*INPUT)
    host.give(LINE)
    host.settle()
    assert host.inside("document.querySelector('main').innerHTML") == before
    host.give(TABLE)
    host.see("Vehicles of the week")
    assert host.calls == []


BROKEN = [
    {"content": []},
    said(""),
    said("null"),
    said("[1,2]"),
    said('{"columns":1,"rows":[]}'),
    said('{"columns":["a int4"],"rows":[[1,2]]}'),
    said('{"columns":[null],"rows":[[1]]}'),
    said('{"columns":["a int4"],"rows":{"0":[1]}}'),
    said('{"columns":["a int4"],"rows":[[1]'),
    said('{"columns":["a int4"]}'),
]


def test_answers_of_the_wrong_shape(show):
    host = show(INPUT)
    for broken in BROKEN:
        host.give(TABLE)
        host.see(PLATES[0])
        host.give(broken)
        host.see("This is not a table")
        expect(host.frame.get_by_role("table")).to_have_count(0)


# The table ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def column(host: Host, number: int) -> list[str]:
    return host.frame.locator(f"tbody td:nth-child({number})").all_inner_texts()


def head(host: Host, name: str) -> Locator:
    return host.frame.get_by_role("columnheader").filter(has=host.frame.get_by_text(name, exact=True))


def sort_by(host: Host, name: str) -> None:
    head(host, name).get_by_role("button").click()


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
        sort_by(host, name)
        assert column(host, number) == values
        expect(head(host, name)).to_have_attribute("aria-sort", "ascending")
        sort_by(host, name)
        assert column(host, number) == [*reversed(values[:-1]), "null"], "null stays last"
        expect(head(host, name)).to_have_attribute("aria-sort", "descending")
        sort_by(host, name)
        assert column(host, 1) == ["item 10", "item 9", "", "null", "item 1"], "as the query has it"
    sort_by(host, "money")
    exact = [text.replace(",", "") for text in column(host, 4)]
    assert exact[0].startswith("-0.25") and exact[1].startswith("7") and exact[2] < exact[3], exact
    assert column(host, 1)[2:4] == ["item 9", "item 10"], "numbers that differ only in what JavaScript's do not hold"


def test_null_is_not_empty(show):
    host = show(answered(["note text", "other text"], [["", "a"], [None, "b"], ["null", "c"]]))
    cells = host.frame.locator("tbody td:nth-child(1)")
    assert column(host, 1) == ["", "null", "null"]
    looks = cells.evaluate_all("cells => cells.map(cell => [getComputedStyle(cell).fontStyle, getComputedStyle(cell).color].join())")
    assert looks[1] != looks[2] == looks[0]


def test_numbers_stand_right(show):
    host = show(TABLE)
    aligned = host.frame.locator("tbody tr").first.locator("td").evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")
    assert aligned == ["left", "left", "left", "right", "right"]
    heads = host.frame.get_by_role("columnheader").evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")
    assert heads == aligned
    assert {len(text.partition(".")[2]) for text in column(host, 4)} == {1}, "the same decimals, so that the points stand in line"


def test_the_hosts_language(show):
    host = show(answered(["n numeric", "day date", "vehicle_id int8"], [[1234567.5, "2026-10-04", 12345]]), locale="de-DE")
    assert column(host, 1) == ["1.234.567,5"] and column(host, 2) == ["04.10.2026"]
    assert column(host, 3) == ["12345"], "a name, not an amount"


def test_times_are_those_of_the_database(show):
    host = show(answered(["at timestamptz"], [["2026-06-17T23:30:00+03:00"]]), context={"timeZone": "America/New_York"}, timezone_id="Asia/Tokyo")
    host.see(re.compile("17 Jun 2026, 23:30"))


@pytest.mark.parametrize("rows", [200, 5000, 10_000])
def test_pages(show, rows):
    host = show(answered(["n int8", "plate text"], [[n, f"KD {n}"] for n in range(1, rows + 1)], view={"view": "table"}))
    host.see(f"{rows:,} rows")
    seen = column(host, 1)
    assert seen == [f"{n:,}" for n in range(1, len(seen) + 1)] and len(seen) >= 3
    host.button("Next page").click()
    assert column(host, 1)[0] == str(len(seen) + 1)
    host.button("Last page").click()
    assert column(host, 1)[-1] == f"{rows:,}"
    expect(host.button("Next page")).to_have_attribute("aria-disabled", "true")
    host.button("Next page").click(force=True)
    assert column(host, 1)[-1] == f"{rows:,}"
    host.button("First page").click()
    assert column(host, 1) == seen
    sort_by(host, "n")
    sort_by(host, "n")
    assert column(host, 1)[0] == f"{rows:,}"
    check_size(host)


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
CSV = "\r\n".join(
    [
        "name,n,'=HYPERLINK(1),at,tags,geom",
        '\'=1+1,123456789012345,\'+254 700 000,2026-06-17T11:00:00+03:00,"[""a"",""b""]","{""type"":""Point"",""coordinates"":[36.8,-1.3]}"',
        "-5,12345678901234567890.12,'@SUM(A1),,[],",
        '"say ""hi"", then",-0.5,\'-cmd,infinity,,',
        "\"two\nlines\",,'\tTab,,,",
        '"",0,plain,,,',
        "",
    ]
)


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
    check_size(host)


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
    sort_by(host, "n")
    sort_by(host, "n")
    host.button("Load all rows").click()
    host.see(SHOWN)
    assert [tool for tool, _ in host.calls] == ["show_rows"] and host.calls[0][1]["sql"] == MANY
    expect(host.button("Load all rows")).to_have_count(0)
    expect(head(host, "n")).to_have_attribute("aria-sort", "descending")
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
        check_size(host)


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


# Its place and its looks ─────────────────────────────────────────────────────────────────────────────────────────────


def test_full_screen(show):
    host = show(LINE)
    host.button("Full screen").click()
    leave = host.button("Leave full screen")
    expect(leave).to_be_visible()
    host.settle()
    assert host.sent("ui/request-display-mode")[0]["params"] == {"mode": "fullscreen"}
    assert host.height() == pytest.approx(700, abs=1)
    host.picture("line-full")
    host.page.keyboard.press("Escape")
    expect(leave).to_have_count(0)
    host.settle()
    check_size(host)
    host.button("Full screen").click()
    leave.click()
    expect(leave).to_have_count(0)
    assert len(host.sent("ui/request-display-mode")) == 4


def test_full_screen_refused(show):
    host = show(TABLE)
    host.page.evaluate("host.refuses = true")
    host.button("Full screen").click()
    host.see("Full screen is not available now.")
    check_size(host)


def test_full_screen_not_offered(show):
    for settings in ({"modes": ["inline"]}, {"modes": []}, {"modes": None}):
        host = show(TABLE, **settings)
        host.see(PLATES[0])
        expect(host.button("Full screen")).to_have_count(0)


def ink(host: Host) -> int:
    return host.inside("Math.min(...getComputedStyle(document.querySelector('h1')).color.match(/[0-9]+/g).slice(0, 3).map(Number))")


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_hosts_theme_counts(show, system):
    for theme in ("light", "dark", None):
        host = show(TABLE, theme=theme, system=system)
        host.see(PLATES[0])
        assert (ink(host) > 150) == ((theme or system) == "dark")
        host.change(theme="light")
        host.settle()
        assert ink(host) < 100


def test_the_hosts_colours_and_fonts(show):
    variables = {"--color-text-primary": "#123456", "--font-sans": "Georgia, serif", "--color-background-primary": "url(https://example.com/x)"}
    host = show(TABLE, context={"styles": {"variables": variables}})
    host.see(PLATES[0])
    assert host.inside("getComputedStyle(document.querySelector('h1')).color") == "rgb(18, 52, 86)"
    assert host.inside("getComputedStyle(document.querySelector('h1')).fontFamily") == "Georgia, serif"
    host.change(styles={"variables": {**variables, "--color-text-primary": "#654321"}})
    host.settle()
    assert host.inside("getComputedStyle(document.querySelector('h1')).color") == "rgb(101, 67, 33)"


def test_a_finger_finds_its_targets(show):
    for answer in (TABLE, LINE, STATES["points"][0][0]):
        host = show(answer, size=(360, 740), is_mobile=True, has_touch=True)
        host.settle()
        targets = host.frame.locator("button:visible, select:visible, label:visible")
        small = [each.inner_text() for each in targets.all() if each.bounding_box()["height"] < 44 and not each.locator("xpath=ancestor::td").count()]
        assert small == [], small


# By keyboard ─────────────────────────────────────────────────────────────────────────────────────────────────────────

FOCUSED = """() => {
    const at = document.activeElement, look = getComputedStyle(at.matches("input[type=radio]") ? at.nextElementSibling ?? at : at);
    return [at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || at.tagName, look.outlineStyle];
}"""


def stops(host: Host, most: int = 40) -> list[str]:
    """Where the Tab key leads; each stop can be seen, and one comes out at the end."""
    names = []
    host.settle()
    host.page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(most):
        host.page.keyboard.press("Tab")
        host.draw()
        if not host.page.evaluate("document.activeElement === frame"):
            return names
        name, outline = host.inside(FOCUSED)
        assert outline != "none", name
        names.append(name.strip())
    raise AssertionError(f"no way out: {names}")


def test_the_table_by_keyboard(show):
    host = show(TABLE)
    reached = stops(host)
    for name in ("Download CSV", "Full screen", "plate", "km", "Next page"):
        assert name in reached, reached
    head(host, "trips").get_by_role("button").focus()
    host.page.keyboard.press("Enter")
    assert column(host, 5)[0] == "0"
    host.page.keyboard.press("Space")
    assert column(host, 5)[0] == "4"
    host.button("Next page").focus()
    host.page.keyboard.press("Enter")
    expect(host.button("Next page")).to_be_focused()


def test_the_chart_by_keyboard(show):
    host = show(LINE)
    reached = stops(host)
    assert any(name.startswith("Chart.") for name in reached) and "Chart" in reached and "Kind of chart" in reached, reached
    host.frame.get_by_role("radio", name="Chart").focus()
    host.page.keyboard.press("ArrowLeft")
    assert column(host, 1)[0] == "1 Jun 2026"
    expect(host.frame.get_by_role("radio", name="Table")).to_be_focused()
    host.page.keyboard.press("ArrowRight")
    plot = host.frame.locator(".plot")
    expect(plot).to_be_visible()
    plot.focus()
    host.page.keyboard.press("ArrowRight")
    host.page.keyboard.press("ArrowRight")
    expect(host.frame.locator(".tip")).to_contain_text(re.compile("Jun"))
    expect(host.frame.locator(".spoken")).to_contain_text(re.compile("[0-9]"))


def test_the_map_by_keyboard(show):
    host = show(STATES["points"][0][0])
    reached = stops(host)
    assert "Map" in reached and "Zoom in" in reached, reached
    picture = host.frame.get_by_role("application")
    picture.focus()
    before = picture.inner_html()
    host.page.keyboard.press("+")
    host.settle()
    assert picture.inner_html() != before


def test_the_columns_of_a_chart_can_be_chosen(show):
    host = show(LINE)
    host.button("Columns").click()
    assert chosen(host) == ("line", "day", ["opened", "closed"], None)
    host.frame.get_by_role("checkbox", name="closed").uncheck()
    host.frame.get_by_label("Kind of chart").select_option(label="Bars")
    assert chosen(host) == ("bar", "day", ["opened"], None)
    host.settle()
    check_size(host)


# What nobody may do to it ────────────────────────────────────────────────────────────────────────────────────────────

EVIL = "<img src=x onerror=\"document.title='EVIL'\">"
END = "</script><script>document.title='EVIL'</script>"
TURNED = "safe\u202egpj.exe"
LONG = "x" * 100_000
HOSTILE = {
    "table": answered(
        [f"{EVIL} text", f"{END} text", "turned text", "long text", "json jsonb"],
        [[EVIL, END, TURNED, LONG, {"__proto__": {"a": 1}, "toString": EVIL}], ["\u0000\u0007", "\U000e0041", "a\u200bb", "y" * 500, [[[[]]]]]],
        title=f"{EVIL}{TURNED}",
    ),
    "bars": answered([f"{EVIL} text", f"{END} int8"], [[EVIL, 3], [END, 2], [TURNED, 1], [LONG[:2000], -4], ["", "NaN"], [None, "Infinity"]], view={"view": "bar"}),
    "stacked": answered(["a text", f"{EVIL} text", "n float8"], [[EVIL, END, 1e308], [EVIL, TURNED, 1e308], [END, END, -1e308]], view={"view": "stacked"}),
    "line": answered(["at timestamptz", f"{END} float8"], [["infinity", 1], ["-infinity", 2], ["2026-01-01T00:00:00Z", 3], ["99999-99-99", 4], [EVIL, 5]], view={"view": "line"}),
    "scatter": answered(["a float8", "b float8", "c text"], [[1e-320, 1e308, EVIL], [0, 0, END], ["NaN", 1, TURNED]], view={"view": "scatter"}),
    "map": answered(
        [f"{EVIL} text", "geom geometry"],
        [
            [EVIL, point(181, 0)],
            [END, point(36.8, 1e9)],
            [TURNED, {"type": "Point", "coordinates": ["36", None]}],
            ["no ring", {"type": "Polygon", "coordinates": [[]]}],
            ["flat", {"type": "Polygon", "coordinates": [1, 2]}],
            ["deep", {"type": "MultiPolygon", "coordinates": [[[[[[1]]]]]]}],
            ["unknown", {"type": EVIL, "coordinates": [1, 2]}],
            ["inside", {"type": "GeometryCollection", "geometries": [None, 5, point(1, 2), {"type": "GeometryCollection", "geometries": "x"}]}],
            ["text", "no shape"],
            ["good", point(36.8, -1.3)],
        ],
    ),
    "places": answered(["lat float8", "lon float8", f"{END} text"], [[91, 181, EVIL], [-1.3, 36.8, END], [None, 36, TURNED], ["NaN", "x", "y"]], view={"view": "map"}),
    "hints": answered(COLUMNS, LIST, title={"a": 1}, view={"view": "constructor", "x": "__proto__", "y": {"length": 9}, "group": ["km"]}, notice=[EVIL]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_are_text(show, name):
    host = show(("tool-input", {"arguments": {"sql": f"SELECT '{EVIL}{END}'"}}), HOSTILE[name])
    host.settle()
    for view in ("Table", "Chart", "Map"):
        pick = host.frame.get_by_role("radio", name=view)
        if pick.count():
            pick.check(force=True)
            host.settle()
            check_size(host)
    # what would be markup has not become any, and nothing has gone wrong
    assert host.inside("document.title") == "Query result"
    assert host.inside("[...document.querySelectorAll('img, script, iframe, object, embed, link, base')].map(each => each.tagName)") == ["SCRIPT"]
    assert host.inside("[...document.querySelectorAll('*')].flatMap(each => [...each.attributes]).filter(each => /^on/.test(each.name)).length") == 0
    shown = host.inside("document.body.innerText")
    assert "\u202e" not in shown and "\U000e0041" not in shown, "what turns or hides text is told, not done"
    assert "Something went wrong" not in shown
    host.picture(f"hostile-{name}")


def test_hostile_texts_can_be_read(show):
    host = show(HOSTILE["table"])
    host.see(EVIL, END, "safe\\u202Egpj.exe", re.compile("x{40}"))
    assert "\u202e" not in host.frame.get_by_role("heading").inner_text()


def test_a_hostile_error_is_text(show):
    host = show(said(f"{EVIL}{END}{TURNED}", isError=True))
    host.see(EVIL)
    check_size(host)


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


def test_the_view_of_each_verified_query(show):
    listed = call("query", {"sql": "SELECT name, sql, question FROM analytics_meta.verified_query ORDER BY name"})
    host = show()
    found = {}
    for query in json.loads(listed["content"][0]["text"])["rows"]:
        answer = call("show_query", {"sql": query["sql"], "title": query["question"]})
        assert not answer.get("isError"), answer
        host.notify("tool-input", {"arguments": {"sql": query["sql"], "title": query["question"]}})
        host.give(answer)
        found[query["name"]] = chosen(host)
        check_size(host)
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
        check_size(host)
        host.picture(f"demo-map-{name.replace(' ', '-')}")


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
        with Stopwatch() as watch:
            host.give(answer)
            host.settle()
        took[name] = f"{watch.milliseconds} ms"
        host.see("10,000 rows")
        check_size(host)
        host.picture(f"many-{name.replace(' ', '-')}")
    with capsys.disabled():
        print("\n10,000 rows drawn: " + ", ".join(f"{name} in {time}" for name, time in took.items()))
