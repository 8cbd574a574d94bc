"""The pages for people in a real Chromium: on a phone and on a desk, by day and by night.

Leaves pictures of all of them in target/test/screenshots/, for people to look at.
"""
from __future__ import annotations

import http.server
import json
import threading
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

import browser
from stack import ROOT
from test_oauth import CLAUDE, CLAUDE_CALLBACK, ISSUER, URL, register, request

PICTURES = ROOT / "target/test/screenshots"
SIZES = [(390, 844), (1280, 800)]
SCHEMES = ["light", "dark"]
SIGN_IN = request(CLAUDE, CLAUDE_CALLBACK)[0]
ELSEWHERE = "http://localhost:65535/" + "a-long-path/" * 20
# a name that is as long as it may be, has nowhere to break, and looks like markup
UNKIND = request(register(ELSEWHERE, "<img src=x>" + "W" * 69), ELSEWHERE)[0]
UNKNOWN = request("somebody", CLAUDE_CALLBACK)[0]
# name, address, the page's own heading, its status
PAGES = [
    ("connect", f"{ISSUER}/", "Fireside fleet analytics", 200),
    ("sign-in", SIGN_IN, "Sign in to Fireside fleet analytics", 200),
    ("sign-in-unkind", UNKIND, "Sign in to Fireside fleet analytics", 200),
    ("sign-in-refused", SIGN_IN, "Sign in to Fireside fleet analytics", 403),
    ("problem", UNKNOWN, "This sign-in cannot continue", 400),
]


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture
def page(chromium):
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
@pytest.mark.parametrize(("name", "url", "heading", "status"), PAGES, ids=[page[0] for page in PAGES])
def test_it_fits_and_asks_nobody_else(chromium, name, url, heading, status, size, scheme):
    width, height = size
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: message.type == "verbose" or said.append((message.type, message.text)))
    page.on("pageerror", lambda error: said.append(("pageerror", str(error))))
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(url)
    if name == "sign-in-refused":
        with page.expect_navigation() as navigation:
            browser.type_token(page, "not-a-token-of-anybody")
        answer = navigation.value
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{width}x{height}-{scheme}.png", full_page=True)

    assert answer.status == status
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width == page.evaluate("innerWidth")
    # the browser says of itself that a page came with an error status
    assert [each for each in said if status == 200 or f"responded with a status of {status}" not in each[1]] == []
    assert {urlsplit(each).netloc for each in asked} == {urlsplit(ISSUER).netloc}, asked
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (min(background) > 200) == (scheme == "light") and (max(background) < 60) == (scheme == "dark"), background
    context.close()


@pytest.mark.parametrize("url", [page[1] for page in PAGES if page[0] != "sign-in-refused"], ids=["connect", "sign-in", "unkind", "problem"])
def test_headers(url):
    headers = httpx2.get(url, headers={"Accept": "text/html"}, timeout=10).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "form-action" not in policy, "it would stop the redirects that follow the form"
    assert set(policy) <= {"default-src", "frame-ancestors", "base-uri", "style-src", "script-src"}
    assert "style-src" in policy
    for name in {"style-src", "script-src"} & set(policy):
        assert all(source.startswith("'sha256-") for source in policy[name].split()), policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_form_and_its_keyboard(page):
    page.goto(SIGN_IN)
    field = page.get_by_label(browser.FIELD, exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_attribute("aria-invalid", "false")
    for name in (browser.SIGN_IN, "Cancel"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(field).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_program_is_shown_by_the_name_it_chose_and_no_more(page):
    page.goto(UNKIND)
    expect(page.get_by_text("<img src=x>WWW")).to_be_visible()
    expect(page.get_by_text("chose this name itself")).to_be_visible()
    expect(page.get_by_text("localhost:65535", exact=True)).to_be_visible()
    page.goto(SIGN_IN)
    expect(page.get_by_text("chose this name itself")).to_have_count(0)


def test_the_copy_buttons(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ISSUER)
    page.goto(f"{ISSUER}/")
    copied = {}
    for snippet in page.locator(".snippet").all():
        button = snippet.get_by_role("button")
        button.click()
        expect(snippet.get_by_text("Copied")).to_be_visible()
        text = page.evaluate("navigator.clipboard.readText()")
        # what is copied is what is shown; where it is shown in several lines is the screen's business
        assert "".join(text.split()) == "".join(snippet.locator("pre").inner_text().split())
        copied[button.get_attribute("aria-label").removeprefix("Copy ")] = text
    assert copied["the address"] == URL
    add = f"claude mcp add --transport http fireside-analytics {URL}"
    assert copied["the command for signing in"] == add
    assert copied["the command with a token"] == f'{add} --header "Authorization: Bearer YOUR-TOKEN"'
    assert copied["the command that signs in"] == "claude mcp login fireside-analytics"
    assert copied["the command that checks"] == "claude mcp list"
    (server,) = json.loads(copied["the settings for mcp-remote"])["mcpServers"].values()
    assert server["command"] == "npx" and URL in server["args"]
    assert len(copied) == 6


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
