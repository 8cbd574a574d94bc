"""A real Chromium, what a person does in it, and a client's own callback address on this machine."""
from __future__ import annotations

import contextlib
import http.server
import os
import queue
from collections.abc import Iterator
from typing import Self
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from served import Served

ARGUMENTS = [
    "--no-sandbox",  # as root it has none
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # whatever a page asks for, nothing leaves this machine
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
FIELD = "Personal access token"
SIGN_IN = "Sign in and connect"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Not to be used on a thread that runs an event loop."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(url: str) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(15_000)
        page.goto(url)
        yield page


def type_token(page: Page, token: str) -> None:
    """By keyboard alone, once the field has the cursor."""
    page.get_by_label(FIELD).focus()
    page.keyboard.type(token)
    page.keyboard.press("Enter")


def sign_in(url: str, token: str) -> None:
    """What a person does who is sent to this address by a client that takes the answer itself."""
    with opened(url) as page:
        type_token(page, token)
        page.wait_for_url("**/callback?*")


class Callback(Served):
    """Where a client takes its answers."""

    def __init__(self, pattern: str = "http://localhost:{}/callback") -> None:
        self._pattern = pattern

    def __enter__(self) -> Self:
        answers: queue.Queue[dict[str, list[str]]] = queue.Queue()
        path = urlsplit(self._pattern).path

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if urlsplit(self.path).path == path:
                    answers.put(parse_qs(urlsplit(self.path).query, keep_blank_values=True))

            def log_message(self, *_: object) -> None:
                pass

        self._answers = answers
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = self._pattern.format(self._server.server_address[1])
        return super().__enter__()

    def answer(self) -> dict[str, str]:
        """The next answer, each of its parameters once."""
        answer = self._answers.get(timeout=15)
        assert all(len(values) == 1 for values in answer.values()), answer
        return {name: values[0] for name, values in answer.items()}
