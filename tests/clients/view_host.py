"""The view of the results in a host, in Chromium: its frame has the sandbox, the policy and the manners of the strictest one.

view_host.html is the host's page. Whatever the view sends must have the shape that the schema of MCP Apps gives it; what this host
sends, too.
"""
from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import jsonschema
import mcp_types
import pytest
from playwright.sync_api import Browser, Locator, TimeoutError, expect

import cases
from stack import ROOT

HERE = Path(__file__).resolve().parent
APPS = Path(os.environ["APPS"]) / "node_modules/@modelcontextprotocol/ext-apps"
AXE = Path(os.environ["AXE"]).read_text()
PICTURES = ROOT / "target/test/view"
UI = "io.modelcontextprotocol/ui"
MIME_TYPE = "text/html;profile=mcp-app"
VERSIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
ADDRESS = "https://host.invalid/"  # nobody is asked: the test answers
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'"
)
LISTENER = "addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => console.error(violatedDirective, blockedURI))"
CAPABILITIES = {"openLinks": {}, "downloadFile": {}, "serverTools": {}, "serverResources": {}, "logging": {}}
MODES = ["inline", "fullscreen"]
SENT = {
    "ui/initialize": "McpUiInitializeRequest",
    "ui/notifications/initialized": "McpUiInitializedNotification",
    "ui/notifications/size-changed": "McpUiSizeChangedNotification",
    "ui/download-file": "McpUiDownloadFileRequest",
    "ui/request-display-mode": "McpUiRequestDisplayModeRequest",
}
RECEIVED = {
    "tool-input": "McpUiToolInputNotification",
    "tool-input-partial": "McpUiToolInputPartialNotification",
    "tool-result": "McpUiToolResultNotification",
    "tool-cancelled": "McpUiToolCancelledNotification",
    "host-context-changed": "McpUiHostContextChangedNotification",
}


# The server ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def request(method: str, params: dict | None = None, era: str = "modern", url: str | None = None) -> dict:
    """The server's answer, result or error, as it is on the wire."""
    own, token = cases.endpoint()
    headers = {**token, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSIONS[era]}
    params = dict(params or {})
    if era == "modern":
        named = params.get("name", params.get("uri"))
        headers |= {"Mcp-Method": method, **({} if named is None else {"Mcp-Name": named})}
        told = {"protocolVersion": VERSIONS[era], "clientCapabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
        params["_meta"] = {f"io.modelcontextprotocol/{key}": value for key, value in told.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = httpx2.post(url or own, headers=headers, json=body, timeout=60)
    assert answer.status_code == 200, (answer.status_code, answer.text)
    text = answer.text if answer.headers["Content-Type"].startswith("application/json") else answer.text.rpartition("data: ")[2]
    message = json.loads(text)
    assert message["id"] == 1 and len(message.keys() & {"result", "error"}) == 1, message
    return message


def result(method: str, params: dict | None = None, era: str = "modern", url: str | None = None) -> dict:
    message = request(method, params, era, url)
    assert "error" not in message, message
    return message["result"]


def call(tool: str, arguments: dict) -> dict:
    return result("tools/call", {"name": tool, "arguments": arguments}, "legacy")


def document() -> str:
    (listed,) = result("resources/list")["resources"]
    return result("resources/read", {"uri": listed["uri"]})["contents"][0]["text"]


# What tools answer, made up ──────────────────────────────────────────────────────────────────────────────────────────


def answered(columns: list[str], rows: list[list], **more: object) -> dict:
    """A result of show_query or show_rows that the server could have given now."""
    as_of = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return said(json.dumps({"as_of": as_of, "row_count": len(rows), "truncated": False, "columns": columns, "rows": rows, **more}))


def said(text: str, **more: object) -> dict:
    return {"content": [{"type": "text", "text": text}], **more}


# The host ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@functools.cache
def shape(name: str) -> jsonschema.Draft202012Validator:
    """A shape of the schema, by its name there."""
    shapes = json.loads((APPS / "dist/src/generated/schema.json").read_text())["$defs"]
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": shapes})


class Host:
    """A conversation with one view in it. What the server answers to its calls is `answer`; without it the real one answers."""

    def __init__(
        self,
        chromium: Browser,
        html: str,
        *first: dict | tuple[str, dict],
        size: tuple[int, int] = (720, 700),
        theme: str | None = "light",
        system: str = "light",
        locale: str = "en-GB",
        modes: list[str] = MODES,
        context: dict | None = None,
        capabilities: dict = CAPABILITIES,
        refusal: dict | None = None,
        answer: Callable[[str, dict], dict] = call,
        clock: bool = False,
        allow: str = "",
        **page: object,
    ) -> None:
        self.calls: list[tuple[str, dict]] = []
        self.noise: list[str] = []
        self._context = chromium.new_context(viewport=dict(zip(("width", "height"), size)), color_scheme=system, **page)
        self.page = self._context.new_page()
        self.page.set_default_timeout(10_000)
        if clock:
            self.page.clock.install()
        self.page.on("console", lambda message: self.noise.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("request", lambda sent: sent.url == ADDRESS or self.noise.append(sent.url))
        self.page.route("**", lambda route: route.abort())
        page_of_host = (HERE / "view_host.html").read_text().replace('sandbox="', f'allow="{allow}" sandbox="')
        self.page.route(ADDRESS, lambda route: route.fulfill(body=page_of_host, content_type="text/html"))
        self.page.add_init_script(LISTENER)

        def called(name: str, arguments: dict) -> dict:
            self.calls.append((name, arguments))
            return answer(name, arguments)

        self.page.expose_function("callTool", called)
        self.page.goto(ADDRESS)
        told = {"theme": theme, "displayMode": "inline", "availableDisplayModes": modes, "locale": locale, "timeZone": "Africa/Nairobi"}
        initialize = {
            "protocolVersion": "2026-01-26",
            "hostInfo": {"name": "host", "version": "1"},
            "hostCapabilities": capabilities,
            "hostContext": {name: value for name, value in told.items() if value is not None},
        }
        shape("McpUiInitializeResult").validate(initialize)
        # these the schema cannot tell: no dimensions are valid there, and no choice of colours
        initialize["hostContext"] |= {"containerDimensions": {"width": size[0], "maxHeight": 5000}, **(context or {})}
        assert html.startswith("<!doctype html>") and html.count("<head>") == 1
        policed = html.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">')
        settings = {
            "document": policed,
            "initialize": initialize,
            "refusal": refusal,
            "first": [notification(*(each if isinstance(each, tuple) else ("tool-result", each))) for each in first],
        }
        self.page.evaluate("settings => open(settings)", settings)
        self.frame = self.page.frame_locator("iframe")
        if not refusal:
            try:
                self.page.wait_for_function("host.sent.some(({ method }) => method === 'ui/notifications/initialized')")
            except TimeoutError:
                raise AssertionError(f"the view was not initialized: {self.sent()}, {self.noise}") from None

    # What the host does

    def notify(self, method: str, params: dict) -> None:
        self.page.evaluate("each => notify(...each)", notification(method, params))

    def give(self, answer: dict) -> None:
        self.notify("tool-result", answer)

    def change(self, **context: object) -> None:
        told = {name: value for name, value in context.items() if name != "styles"}
        shape("McpUiHostContextChangedNotification").validate({"method": "ui/notifications/host-context-changed", "params": told})
        self.page.evaluate("change => changeContext(change)", context)

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": self.page.viewport_size["height"]})

    def ask(self, method: str, params: dict | None = None) -> dict:
        return self.page.evaluate("([method, params]) => ask(method, params)", [method, params or {}])

    # What a person finds

    def inside(self, script: str, argument: object = None) -> object:
        """The value of a script that runs in the view's document."""
        return self.page.frames[1].evaluate(script, argument)

    def button(self, name: str | re.Pattern) -> Locator:
        return self.frame.get_by_role("button", name=name)

    def text(self, text: str | re.Pattern) -> Locator:
        return self.frame.get_by_text(text)

    def see(self, *texts: str | re.Pattern) -> None:
        """Each of these can be read."""
        for text in texts:
            expect(self.text(text).first).to_be_visible()

    def column(self, number: int) -> list[str]:
        """What the table has in it on this page."""
        return self.frame.locator(f"tbody td:nth-child({number})").all_inner_texts()

    def head(self, name: str) -> Locator:
        return self.frame.get_by_role("columnheader").filter(has=self.frame.get_by_text(name, exact=True))

    def sort_by(self, name: str) -> None:
        self.head(name).get_by_role("button").click()

    # What the view has sent

    def sent(self, method: str | None = None) -> list[dict]:
        return [each for each in self.page.evaluate("host.sent") if method in (None, each.get("method"))]

    def settle(self) -> None:
        """Until the view has dealt with all that was sent, and what it drew can be seen."""
        self.ask("ping")
        self.draw()

    def draw(self) -> None:
        """Until what is to be seen now has been drawn, in the view and around it."""
        frames = "new Promise(done => { let left = 3; const next = () => left-- ? requestAnimationFrame(next) : done(); next(); })"
        self.inside(frames)
        self.page.evaluate(frames)

    def height(self) -> float:
        return self.inside("document.documentElement.getBoundingClientRect().height")

    def axe(self) -> list[str]:
        """What axe-core objects to. It takes a transparent ground for white: so it is given the host's."""
        ground = self.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        self.inside("ground => { document.documentElement.style.backgroundColor = ground }", ground)
        self.inside(AXE)
        found = self.inside("axe.run({ resultTypes: ['violations'] }).then(found => found.violations)")
        self.inside("document.documentElement.style.backgroundColor = ''")
        return [f"{each['id']}: {each['help']}: {[node['html'] for node in each['nodes']]}" for each in found]

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def check(self) -> None:
        """All that the view has sent so far, and that it asked nobody else for anything and said nothing on the console."""
        sent = self.sent()
        assert [each.get("method") for each in sent[:2]] in (["ui/initialize", "ui/notifications/initialized"], ["ui/initialize"])
        for message in sent:
            assert message["jsonrpc"] == "2.0", message
            if "method" not in message:
                assert len(message.keys() & {"result", "error"}) == 1, message
                continue
            plain = {name: value for name, value in message.items() if name in ("method", "params")}
            if message["method"] == "tools/call":
                mcp_types.CallToolRequest.model_validate(plain)
            else:
                shape(SENT[message["method"]]).validate(plain)
            assert ("id" in message) == ("/notifications/" not in message["method"]), message
        assert self.noise == [], self.noise

    def check_size(self) -> None:
        """Inline: not collapsed, not too high, as high as it has told this host, and nothing sticks out at its side."""
        assert 0 < self.height() <= 500
        assert self.page.evaluate("frame.offsetHeight") == pytest.approx(self.height(), abs=1)
        assert self.inside("document.documentElement.scrollWidth <= innerWidth")

    def close(self) -> None:
        self._context.close()


def notification(method: str, params: dict) -> tuple[str, dict]:
    shape(RECEIVED[method]).validate({"method": f"ui/notifications/{method}", "params": params})
    return method, params
