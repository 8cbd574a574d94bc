"""What the sign-ins of all clients have in common: a browser that only notes its address, tokens kept, and the end of them.

Used with both Python SDKs, so it is made of the standard library alone.
"""
from __future__ import annotations

import json
import os
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

CODE = "POST /token authorization_code 200"
REFRESHED = "POST /token refresh_token 200"
CALLED = "POST /mcp 200"


def check_signed_in(notes: list[str]) -> None:
    """Not let in at first, then one sign-in, and a call with what it gave."""
    assert notes[0].endswith(" /mcp 401") and CALLED not in notes[: notes.index(CODE)], notes
    check_renewed(notes, by=CODE)


def check_renewed(notes: list[str], by: str = REFRESHED) -> None:
    """Got new tokens once, and was let in with them."""
    granted = [note for note in notes if note.startswith("POST /token ")]
    assert granted == [by] and CALLED in notes[notes.index(by) :], notes


class Seen:
    """What the witness notes from now on."""

    def __init__(self) -> None:
        self._path = Path(os.environ["ANALYTICS_WITNESS"])
        self._from = self._path.stat().st_size

    def __call__(self) -> list[str]:
        """The notes since this was last called."""
        with self._path.open() as notes:
            notes.seek(self._from)
            lines = notes.read().splitlines()
            self._from = notes.tell()
        return lines


class Opener:
    """A program that takes the browser's place: what it is to open can be read here."""

    def __init__(self, folder: Path) -> None:
        self._opened, program = folder / "opened", folder / "opener"
        target, half = shlex.quote(str(self._opened)), shlex.quote(f"{self._opened}.half")
        program.write_text(f'#!/bin/sh\nprintf %s "$1" > {half} && mv {half} {target}\n')
        program.chmod(0o700)
        self.path = str(program)

    def opened(self) -> bool:
        return self._opened.exists()

    def address(self, waiting: Callable[[], bool] = lambda: True) -> str:
        """The address, once there is one, as long as somebody is `waiting` for what becomes of it."""
        end = time.monotonic() + 30
        while not self.opened():
            assert time.monotonic() < end and waiting(), "no browser was opened"
            time.sleep(0.02)
        address = self._opened.read_text()
        self._opened.unlink()
        return address


class Kept:
    """A Python SDK's storage; it keeps every pair of tokens that it was ever given."""

    def __init__(self) -> None:
        self.tokens, self.client = [], None

    async def get_tokens(self):
        return self.tokens[-1] if self.tokens else None

    async def set_tokens(self, tokens):
        self.tokens.append(tokens)

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


@dataclass
class Answer:
    status: int
    challenge: str
    text: str

    def json(self) -> dict:
        return json.loads(self.text)


def post(path: str, body: bytes, **headers: str) -> Answer:
    """To the server that is under test just now."""
    url = os.environ["ANALYTICS_URL"].removesuffix("/mcp") + path
    request = urllib.request.Request(url, body, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        response = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return Answer(response.status, response.headers.get("WWW-Authenticate", ""), response.read().decode())


def post_form(path: str, **form: str) -> Answer:
    return post(path, urlencode(form).encode(), Content_Type="application/x-www-form-urlencoded")


def refresh(refresh_token: str, client_id: str) -> Answer:
    return post_form("/token", grant_type="refresh_token", refresh_token=refresh_token, client_id=client_id)


def knock(access_token: str | None) -> Answer:
    """Whether this token lets anybody in."""
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    bearer = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    return post("/mcp", listing, Content_Type="application/json", Accept="application/json, text/event-stream", **bearer)


def revoke(refresh_token: str, client_id: str) -> None:
    """For a client that cannot do it itself."""
    answer = post_form("/revoke", token=refresh_token, token_type_hint="refresh_token", client_id=client_id)
    assert answer.status == 200, answer


def check_ended(access_token: str, refresh_token: str, client_id: str) -> None:
    """Neither token of a pair is good for anything any more."""
    refused = knock(access_token)
    assert refused.status == 401 and refused.challenge.startswith('Bearer error="invalid_token", resource_metadata="'), refused
    refused = refresh(refresh_token, client_id)
    assert refused.status == 400 and refused.json()["error"] == "invalid_grant", refused


def end(kept: Kept) -> None:
    """Ends what a Python SDK was granted and has renewed once. It has no way to revoke a token by itself."""
    first, second = kept.tokens
    assert first.access_token != second.access_token and first.refresh_token != second.refresh_token
    assert knock(second.access_token).status == 200
    revoke(second.refresh_token, kept.client.client_id)
    for tokens in kept.tokens:
        check_ended(tokens.access_token, tokens.refresh_token, kept.client.client_id)
