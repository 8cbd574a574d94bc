"""The pages for people in a real Chromium: on phones and on a desk, by day and by night, by keyboard, and by axe-core's rules.

Leaves pictures of all of them in target/test/screenshots/, for people to look at.
"""
from __future__ import annotations

import http.server
import json
import os
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

import browser
from stack import ROOT
from test_oauth import CLAUDE, CLAUDE_CALLBACK, ISSUER, URL, register, request

PICTURES = ROOT / "target/test/screenshots"
AXE = Path(os.environ["AXE"]).read_text()
# The address of this server is https://fleetmcp.example.com; it says whom to ask and how long the log is kept.
PUBLIC = os.environ["ANALYTICS_URL_PUBLIC"].removesuffix("/mcp")
HOST, CONTACT = "fleetmcp.example.com", "Dana in Fleet IT"
NO_SIGN_IN = os.environ["ANALYTICS_URL_NO_SIGN_IN"].removesuffix("/mcp")
SIZES = [(320, 640), (390, 844), (1280, 800)]
SCHEMES = ["light", "dark"]
CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"
YOURSELF = "Go on only if you have just started this connection yourself."


def at_public(url: str) -> str:
    """The same request to the other server."""
    return url.replace(f"{ISSUER}/", f"{PUBLIC}/").replace("&resource=" + url.rpartition("&resource=")[2], "")


SIGN_IN = request(CLAUDE, CLAUDE_CALLBACK)[0]
VERIFIED = at_public(SIGN_IN)
UNVERIFIED = at_public(request(CLAUDE_CODE, "http://localhost:62050/callback")[0])
ELSEWHERE = "http://localhost:65535/" + "a-long-path/" * 4
# a name that is as long as it may be, has nowhere to break, and looks like markup
UNKIND = request(register(ELSEWHERE, "<img src=x>" + "W" * 69), ELSEWHERE)[0]
UNKNOWN = request("somebody", CLAUDE_CALLBACK)[0]
WRONG = "&sign_in_error=wrong"
VERIFIED_ASKS = "Claude wants to read fleet data as you"
UNVERIFIED_ASKS = "A program on this computer wants to read fleet data as you"
# name: address, the page's own heading, its status
PAGES = {
    "connect": (f"{PUBLIC}/", "Fireside fleet analytics", 200),
    "connect-local": (URL, "Fireside fleet analytics", 200),
    "connect-no-sign-in": (f"{NO_SIGN_IN}/", "Fireside fleet analytics", 200),
    "sign-in": (VERIFIED, VERIFIED_ASKS, 200),
    "sign-in-unverified": (UNVERIFIED, UNVERIFIED_ASKS, 200),
    "sign-in-unkind": (UNKIND, UNVERIFIED_ASKS, 200),
    "sign-in-refused": (VERIFIED + WRONG, VERIFIED_ASKS, 200),
    "sign-in-unverified-refused": (UNVERIFIED + WRONG, UNVERIFIED_ASKS, 200),
    "problem": (UNKNOWN, "This sign-in cannot continue", 400),
    "nothing-here": (f"{PUBLIC}/nothing-here", "There is no such page", 404),
    "privacy": (f"{PUBLIC}/privacy", "What Fireside fleet analytics records", 200),
}
every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def phone(chromium):
    """Opens an address on a phone whose page is as high as this, and finds out what can be seen of it."""
    contexts = []

    def open_on_phone(url, height):
        contexts.append(chromium.new_context(viewport={"width": 360, "height": height}, is_mobile=True, has_touch=True))
        page = contexts[-1].new_page()
        page.goto(url)
        return page

    yield open_on_phone
    for context in contexts:
        context.close()


def in_view(*parts):
    for part in parts:
        expect(part).to_be_in_viewport(ratio=0.99)


def axe(page) -> list[str]:
    """What axe-core objects to: the rule, what it says, and where."""
    page.evaluate(AXE)
    violations = page.evaluate("axe.run({ resultTypes: ['violations'] }).then(found => found.violations)")
    return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in violations]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
@every_page
def test_it_is_whole_and_loads_nothing_from_elsewhere(chromium, name, size, scheme):
    (url, heading, status), (width, height) = PAGES[name], size
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    said, loaded = [], []
    page.on("console", lambda message: message.type in ("verbose", "debug") or said.append((message.type, message.text)))
    page.on("pageerror", lambda error: said.append(("pageerror", str(error))))
    page.on("request", lambda request: loaded.append(request.url))
    answer = page.goto(url)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{width}x{height}-{scheme}.png", full_page=True)

    assert answer.status == status
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    # the browser says of itself that a page came with an error status
    assert [each for each in said if status == 200 or f"responded with a status of {status}" not in each[1]] == []
    assert {urlsplit(each).netloc for each in loaded} == {urlsplit(url).netloc}, loaded
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (min(background) > 200) == (scheme == "light") and (max(background) < 60) == (scheme == "dark"), background
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width == page.evaluate("innerWidth")
    targets = page.locator("button:visible, summary, a.button, input:not([type=hidden], .unseen)")
    assert [each.inner_text() for each in targets.all() if each.bounding_box()["height"] < 44] == []
    assert axe(page) == []
    context.close()


def test_axe_would_object(page):
    page.goto(f"{PUBLIC}/privacy")
    page.evaluate("document.querySelector('p').style.color = '#999'; document.querySelector('html').lang = ''")
    assert [each.partition(":")[0] for each in axe(page)] == ["color-contrast", "html-has-lang"]


@every_page
def test_headers(name):
    headers = httpx2.get(PAGES[name][0], headers={"Accept": "text/html"}, timeout=10).headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "form-action" not in policy, "it would stop the redirects that follow the form"
    assert set(policy) <= {"default-src", "frame-ancestors", "base-uri", "style-src", "script-src"}
    assert "style-src" in policy
    for directive in {"style-src", "script-src"} & set(policy):
        assert all(source.startswith("'sha256-") for source in policy[directive].split()), policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


# Signing in ──────────────────────────────────────────────────────────────────────────────────────────────────────────


CONSENT = {
    VERIFIED: ["claude.ai", HOST],
    UNVERIFIED: ["localhost:62050/callback", HOST, "Unverified", "Claude Code"],
    UNKIND: [ELSEWHERE.removeprefix("http://"), urlsplit(ISSUER).netloc, "Unverified"],  # and of the name as much as there is room for
}


def consent(page, url):
    """What a person has to see before agreeing: who wants it, to what, where the answer goes, and the warning."""
    texts = [page.get_by_text(text, exact=True) for text in (YOURSELF, *CONSENT[url])]
    return [page.get_by_role("heading", level=1), *texts]


@pytest.mark.parametrize("error", ["", WRONG], ids=["at first", "after an error"])
@pytest.mark.parametrize("url", [VERIFIED, UNVERIFIED, UNKIND], ids=["verified", "unverified", "unkind"])
def test_a_phone_shows_first_what_is_agreed_to(phone, url, error):
    """Also after an error: whoever writes a link can put one into it."""
    page = phone(url + error, 640)
    assert page.evaluate("[scrollY, document.activeElement.tagName]") == [0, "INPUT" if error else "BODY"]
    in_view(*consent(page, url), *([page.get_by_role("alert")] if error else [page.get_by_text("Fireside fleet analytics", exact=True)]))
    warning = page.get_by_text(YOURSELF).bounding_box()["y"]
    assert warning < page.get_by_label(browser.FIELD, exact=True).bounding_box()["y"]
    assert warning < page.get_by_role("button", name=browser.SIGN_IN).bounding_box()["y"]


@pytest.mark.parametrize("url", [VERIFIED, UNVERIFIED], ids=["verified", "unverified"])
def test_a_keyboard_does_not_cover_it(phone, url):
    page = phone(url, 640)
    assert "interactive-widget=resizes-content" in page.locator("meta[name=viewport]").get_attribute("content")
    page.get_by_label(browser.FIELD, exact=True).tap()
    page.set_viewport_size({"width": 360, "height": 300})
    page.get_by_label(browser.FIELD, exact=True).scroll_into_view_if_needed()
    in_view(page.get_by_label(browser.FIELD, exact=True), page.get_by_text(YOURSELF))
    in_view(*consent(page, url)[1:])
    page = phone(url, 300)
    assert page.evaluate("scrollY") == 0
    in_view(*consent(page, url))


def test_a_verified_program(page):
    page.goto(VERIFIED)
    expect(page.get_by_role("listitem").filter(has_text="You return to")).to_have_text("You return to claude.ai")
    expect(page.get_by_role("listitem").filter(has_text="address bar")).to_have_text(f"Check that your address bar shows {HOST}")
    for text in ("Unverified", "calls itself", "on this computer"):
        expect(page.get_by_text(text)).to_have_count(0)


@pytest.mark.parametrize("host", ["localhost:62050", "127.0.0.1:62050"])
@pytest.mark.parametrize("name", ["Claude Code", "Claude", "Claude — checked and approved by Fireside"])
def test_a_program_on_this_computer_is_unverified_whatever_it_calls_itself(page, name, host):
    address = f"http://{host}/callback"
    page.goto(request(CLAUDE_CODE if name == "Claude Code" else register(address, name), address)[0])
    expect(page.get_by_role("heading", level=1)).to_have_text(UNVERIFIED_ASKS)
    box = page.locator(".amber")
    expect(box).to_contain_text(f"It calls itself: “{name}” Nobody has checked this name")
    expect(box.get_by_text("Unverified", exact=True)).to_be_visible()
    expect(box.locator("svg")).to_be_visible()
    shown = page.locator("body").inner_text()
    assert shown.count(name) == shown.count(f"“{name}”"), "only in quotation marks"
    expect(page.get_by_role("listitem").filter(has_text="You return to")).to_have_text(f"You return to {host}/callback, on this computer")


def test_a_name_is_text(page):
    page.goto(UNKIND)
    expect(page.get_by_text("<img src=x>WWW")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)


def test_what_is_allowed_for_how_long_and_how_to_end_it(page):
    page.goto(VERIFIED)
    for text in (
        "It cannot change anything",
        "Your name and each query are recorded",
        "until 30 days after the last use",
        "only until it restarts",
        f"have {CONTACT} replace your personal token",
        f"You get it from {CONTACT}",
    ):
        expect(page.get_by_text(text)).to_be_visible()
    page.goto(SIGN_IN)
    expect(page.get_by_text("You get it from the operator of this server")).to_be_visible()
    page.get_by_role("link", name="what is recorded").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What Fireside fleet analytics records")


def test_the_form_and_its_keyboard(page):
    page.goto(SIGN_IN)
    field = page.get_by_label(browser.FIELD, exact=True)
    expect(field).not_to_be_focused()
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("aria-invalid", "false")
    expect(field).to_have_accessible_description("You get it from the operator of this server. Only this page sees it, not the program.")
    page.keyboard.press("Tab")
    expect(field).to_be_focused()
    for name in ("Show the token", browser.SIGN_IN, "Cancel"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="what is recorded")).to_be_focused()


def test_the_token_can_be_shown_and_is_hidden_before_it_is_sent(page):
    page.goto(SIGN_IN)
    field = page.get_by_label(browser.FIELD, exact=True)
    field.fill("secret")
    page.get_by_role("button", name="Show the token").press("Enter")
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide the token").press("Enter")
    expect(field).to_have_attribute("type", "password")
    page.get_by_role("button", name="Show the token").click()
    page.evaluate("document.forms[0].addEventListener('submit', event => event.preventDefault())")
    field.press("Enter")
    expect(field).to_have_attribute("type", "password")


def test_without_javascript_there_is_nothing_to_press_that_needs_it(chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(SIGN_IN)
    expect(page.get_by_role("button")).to_have_text([browser.SIGN_IN, "Cancel"])
    page.goto(f"{ISSUER}/")
    expect(page.get_by_role("button")).to_have_count(0)
    context.close()


def test_a_password_manager_finds_a_name_and_a_password(page):
    page.goto(VERIFIED)
    assert page.locator("form").get_attribute("autocomplete") is None
    expect(page.get_by_label(browser.FIELD, exact=True)).to_have_attribute("autocomplete", "current-password")
    name = page.locator("input[autocomplete=username]")
    expect(name).to_have_value(HOST)
    assert name.get_attribute("tabindex") == "-1" and max(name.bounding_box()[side] for side in ("width", "height")) <= 1
    with page.expect_request(lambda request: request.method == "POST") as request:
        browser.type_token(page, "not-a-token-of-anybody")
    sent = parse_qs(request.value.post_data)
    assert set(sent) == {"request", "token", "action"} and sent["action"] == ["allow"]


def test_a_wrong_token_is_announced_and_can_be_corrected(page):
    page.goto(SIGN_IN)
    browser.type_token(page, "not-a-token-of-anybody")
    page.wait_for_url("**/authorize?*sign_in_error=*")
    assert page.title().startswith("Error: ")
    field, error = page.get_by_label(browser.FIELD, exact=True), page.get_by_role("alert")
    expect(error).to_contain_text("not a valid token")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert field.get_attribute("aria-describedby").split()[0] == error.get_attribute("id")
    methods = []
    page.on("request", lambda request: methods.append(request.method))
    page.reload()
    expect(error).to_be_visible()
    assert methods == ["GET"], "a reload sends the token to nobody"
    browser.type_token(page, "another-token-of-nobody")
    page.wait_for_event("load")
    page.go_back()
    expect(error).to_contain_text("not a valid token")
    expect(field).to_have_value("")
    assert methods.count("POST") == 1, "and neither does going back"
    page.goto(SIGN_IN)
    expect(error).to_have_count(0)
    assert not page.title().startswith("Error")


# The other pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "contact"), [("problem", "the operator of this server"), ("nothing-here", CONTACT)])
def test_a_problem_has_a_cause_a_code_and_a_way_on(page, name, contact):
    page.goto(PAGES[name][0])
    expect(page.get_by_text(f"show this page to {contact}")).to_be_visible()
    expect(page.get_by_role("heading", name="What to do now")).to_be_visible()
    assert page.locator("footer code").inner_text()
    assert len(page.locator("h1 + p").inner_text()) > 10 and len(page.locator("h2 + p").inner_text()) > 10
    expect(page.get_by_text("Nothing was connected")).to_have_count(int(name == "problem"))
    page.get_by_role("link", name="How to connect").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fireside fleet analytics")


# each field of the audit log, by event: what is new has to be said on the page first
RECORDED = {
    "call": {
        *("analyst", "tool", "outcome", "code", "sqlstate", "rows", "bytes", "truncated", "ms", "arguments"),
        *("sql", "sql_sha256", "sql_bytes"),
    },
    "signed_in": {"analyst", "client", "destination", "peer"},
    **{event: {"analyst", "count"} for event in ("refreshed", "signed_out", "sign_in_voided")},
    "sign_in_refused": {"reason", "peer", "count"},
}


def test_the_log_has_nothing_that_the_privacy_page_does_not_name():
    lines = Path(os.environ["ANALYTICS_SERVER_LOG"]).read_text().splitlines()
    written = [json.loads(line) for line in lines if line.startswith("{")]
    assert {entry["event"] for entry in written} <= set(RECORDED)
    for entry in written:
        assert set(entry) <= {"time", "event"} | RECORDED[entry["event"]], entry


def test_privacy(page):
    page.goto(f"{PUBLIC}/privacy")
    recorded = ("number plate", "SQLSTATE", "network address that you came from", "mcp:NAME")
    for text in (*recorded, "sets no cookie", "The results of queries", f"ask {CONTACT}", "keeps the log for 90 days"):
        expect(page.get_by_text(text)).to_be_visible()
    page.goto(f"{ISSUER}/privacy")
    expect(page.get_by_text("This server sets no limit")).to_contain_text("ask the operator of this server")
    assert page.context.cookies() == []


CLOUD, CODE, VS_CODE, BRIDGE, INSPECTOR, ELSE = (
    *("claude.ai and Claude Desktop", "Claude Code", "VS Code", "Desktop clients that only start programs"),
    *("MCP Inspector", "Anything else that speaks MCP"),
)


@pytest.mark.parametrize(
    ("name", "clients", "said"),
    [
        ("connect", [CLOUD, CODE, VS_CODE, BRIDGE, INSPECTOR, ELSE], []),
        ("connect-local", [CODE, VS_CODE, BRIDGE, INSPECTOR, ELSE], ["works on this computer only"]),
        ("connect-no-sign-in", [CODE, VS_CODE, BRIDGE, INSPECTOR, ELSE], ["works on this computer only", "Signing in with the browser is disabled"]),
    ],
)
def test_the_connect_page_leaves_out_what_cannot_work(page, name, clients, said):
    page.goto(PAGES[name][0])
    expect(page.locator("summary")).to_have_text(clients)
    expect(page.locator("details[open] summary")).to_have_text(clients[:1])
    for text in ("works on this computer only", "Signing in with the browser is disabled"):
        expect(page.get_by_text(text)).to_have_count(int(text in said))
    signs_in = name != "connect-no-sign-in"
    assert ("By signing in" in page.content()) == ("claude mcp login" in page.content()) == signs_in
    order = page.locator("h1, .snippet, h2").evaluate_all("all => all.map(each => each.tagName + each.textContent.slice(0, 12))")
    assert order[0] == "H1Fireside fle" and order[1].startswith("DIV") and order[2] == "H2Questions to" and order[3] == "H2Connect your"


def test_a_client_is_opened_by_keyboard(page):
    page.goto(f"{PUBLIC}/")
    page.get_by_text(CODE, exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("claude mcp login")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Copy the command for signing in")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def copied(page, url) -> dict[str, str]:
    """What each button copies, by keyboard alone."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(url)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    copied = {}
    for snippet in page.locator(".snippet").all():
        button = snippet.get_by_role("button")
        what = button.get_attribute("aria-label").removeprefix("Copy ")
        button.press("Enter")
        expect(button).to_have_text("Copied")
        expect(page.get_by_role("status")).to_have_text("Copied")
        assert what not in copied
        copied[what] = page.evaluate("navigator.clipboard.readText()")
        # what is copied is what is shown; where it is shown in several lines is the screen's business
        assert "".join(copied[what].split()) == "".join(snippet.locator("pre").inner_text().split())
    return copied


def test_what_is_copied(page):
    texts = copied(page, f"{ISSUER}/")
    add = f"claude mcp add --transport http fireside-analytics {URL}"
    inspector = "npx @modelcontextprotocol/inspector"
    authorization = '--header "Authorization: Bearer YOUR-TOKEN"'
    bridge = json.loads(texts.pop("the settings for mcp-remote"))["mcpServers"]["fireside-analytics"]
    assert bridge == {"command": "npx", "args": ["-y", "mcp-remote", URL]}
    bridge = json.loads(texts.pop("the settings for mcp-remote with a token"))["mcpServers"]["fireside-analytics"]
    assert bridge["args"] == ["-y", "mcp-remote", URL, "--header", "Authorization:${AUTH}"]
    assert bridge["env"] == {"AUTH": "Bearer YOUR-TOKEN"}
    assert json.loads(texts.pop("the settings for VS Code")) == {"servers": {"fireside-analytics": {"type": "http", "url": URL}}}
    assert texts == {
        "the address": URL,
        "the command for signing in": add,
        "the command that signs in": "claude mcp login fireside-analytics",
        "the command with a token": f"{add} {authorization}",
        "the command that checks": "claude mcp list",
        "the command that removes": "claude mcp remove fireside-analytics",
        "the command for the Inspector": f"{inspector} --transport http --server-url {URL}",
        "the command for the Inspector in a terminal": f"{inspector} --cli --transport http --server-url {URL} --method tools/list {authorization}",
    }


def test_what_is_copied_where_nobody_can_sign_in(page):
    texts = copied(page, f"{NO_SIGN_IN}/")
    assert texts["the address"] == f"{NO_SIGN_IN}/mcp"
    vs_code = json.loads(texts["the settings for VS Code"])
    (prompt,) = vs_code["inputs"]
    assert prompt["password"] is True
    assert vs_code["servers"]["fireside-analytics"]["headers"] == {"Authorization": f"Bearer ${{input:{prompt['id']}}}"}
    needs_none = {"the address", "the settings for VS Code", "the command that checks", "the command that removes"}
    assert needs_none == {what for what, text in texts.items() if "YOUR-TOKEN" not in text}


def test_what_cannot_be_copied_is_selected(page):
    page.goto(f"{PUBLIC}/")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy the address").click()
    expect(page.get_by_role("status")).to_contain_text("Selected")
    assert page.evaluate("getSelection().toString()") == f"https://{HOST}/mcp"


def test_a_foreign_page_cannot_frame_it(page):
    """The foreign page is on this machine too: no rule about networks keeps the frame empty."""

    class Foreign(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            frames = f'<h1>Own</h1><iframe name="own" src="/own"></iframe><iframe name="theirs" src="{SIGN_IN.replace("&", "&amp;")}"></iframe>'
            text = (frames if self.path == "/" else "<h1>Framed</h1>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    answers, said = [], []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    page.on("console", lambda message: said.append(message.text))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        page.goto(f"http://localhost:{foreign.server_address[1]}/")
        page.wait_for_load_state("networkidle")
        expect(page.frame("own").get_by_role("heading", name="Framed")).to_be_visible()
        expect(page.frame("theirs").get_by_label(browser.FIELD)).to_have_count(0)
        expect(page.frame("theirs").get_by_role("heading", name="Sign in")).to_have_count(0)
        foreign.shutdown()
    assert (SIGN_IN, 200) in answers, "the page came, and the browser did not show it"
    assert any("frame-ancestors 'none'" in each for each in said), said
