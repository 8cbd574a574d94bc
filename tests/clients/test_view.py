"""The view of the results in Chromium, in a host that behaves as Claude does: every state, what people do in it, and what it must not do.

Leaves a picture of each state in target/test/view/, for people to look at.
"""
from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from view_host import Host, answered, said
from view_samples import AREAS, COLUMNS, FILLS, INPUT, LINE, LIST, PLATES, POINTS, REGIONS, ROUTES, SQL, TABLE, point

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
    "points": ([POINTS], ["20 rows"]),
    "routes": ([answered(["route text", "geom geometry"], ROUTES)], ["3 rows"]),
    "areas": ([answered(["area text", "incidents int8", "boundary geometry"], AREAS)], ["8 rows"]),
}
LOOKS = [("light", 720), ("light", 1280), ("dark", 720), ("dark", 320)]


@pytest.mark.parametrize("name", STATES)
def test_states(show, name):
    given, texts = STATES[name]
    host = show(*given)
    for theme, width in LOOKS:
        host.resize(width)
        host.change(theme=theme)
        host.settle()
        host.see(*texts)
        host.check_size()
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
    host.check_size()


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


def test_odd_messages(show):
    host = show(INPUT, TABLE)
    for odd in (None, 7, "text", [], {"id": 1}, {"jsonrpc": "2.0"}, {"jsonrpc": "2.0", "method": 5}, {"jsonrpc": "2.0", "id": 99, "result": {}}):
        host.page.evaluate("odd => frame.contentWindow.postMessage(odd, '*')", odd)
        for method in ("tool-input", "tool-input-partial", "tool-cancelled", "host-context-changed", "sandbox-resource-ready", "unknown"):
            host.page.evaluate("([method, odd]) => notify(method, odd)", [method, odd])
    host.settle()
    host.see(PLATES[0])
    host.page.evaluate("notify('tool-result')")
    host.see("This is not a table")


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
    host.check_size()
    host.button("Full screen").click()
    leave.click()
    expect(leave).to_have_count(0)
    assert len(host.sent("ui/request-display-mode")) == 4


def test_full_screen_refused(show):
    host = show(TABLE)
    host.page.evaluate("host.refuses = true")
    host.button("Full screen").click()
    host.see("Full screen is not available now.")
    host.check_size()


def test_full_screen_not_offered(show):
    for modes in (["inline"], None):
        host = show(TABLE, modes=modes)
        host.see(PLATES[0])
        expect(host.button("Full screen")).to_have_count(0)


def ink(host: Host) -> int:
    return host.inside("Math.min(...getComputedStyle(document.querySelector('h1')).color.match(/[0-9]+/g).slice(0, 3).map(Number))")


@pytest.mark.parametrize(("theme", "system", "seen"), [("light", "dark", "light"), ("dark", "light", "dark"), (None, "dark", "dark")])
def test_the_hosts_theme_counts(show, theme, system, seen):
    host = show(TABLE, theme=theme, system=system)
    host.see(PLATES[0])
    assert (ink(host) > 150) == (seen == "dark")
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
    for answer in (TABLE, LINE, POINTS):
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
    host.head("trips").get_by_role("button").focus()
    host.page.keyboard.press("Enter")
    assert host.column(5)[0] == "0"
    host.page.keyboard.press("Space")
    assert host.column(5)[0] == "4"
    host.button("Next page").focus()
    host.page.keyboard.press("Enter")
    expect(host.button("Next page")).to_be_focused()


def test_the_chart_by_keyboard(show):
    host = show(LINE)
    reached = stops(host)
    assert any(name.startswith("Chart.") for name in reached) and "Chart" in reached and "Kind of chart" in reached, reached
    host.frame.get_by_role("radio", name="Chart").focus()
    host.page.keyboard.press("ArrowLeft")
    assert host.column(1)[0] == "1 Jun 2026"
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
    host = show(POINTS)
    reached = stops(host)
    assert "Map" in reached and "Zoom in" in reached, reached
    picture = host.frame.get_by_role("application")
    picture.focus()
    before = picture.inner_html()
    host.page.keyboard.press("+")
    host.settle()
    assert picture.inner_html() != before


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
            host.check_size()
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
    host.check_size()
