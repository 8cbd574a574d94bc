"""Signing in with clients that nobody here wrote, through the sign-in page in a real Chromium.

The official SDKs register themselves; claude.ai is known to the server by its metadata document, and so is Claude Code, which
test_claude_code.py signs in.
"""
from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from playwright.sync_api import expect

import browser
import cases
from test_typescript import start_node

URL, ISSUER = os.environ["ANALYTICS_URL"], os.environ["ANALYTICS_URL"].removesuffix("/mcp")
TOKEN = os.environ["ANALYTICS_TOKEN"]
WRONG_TOKEN = secrets.token_hex(24)
CLAUDE = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CLAUDE_CALLBACK = "https://claude.ai/api/mcp/auth_callback"


class Kept:
    """The SDK's storage; it keeps every pair of tokens that it was ever given."""

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


def in_chromium(url: str) -> None:
    """What the analyst sees and does: a wrong token first, then the right one, without a mouse."""
    with browser.opened(url) as page:
        expect(page.get_by_text("Python SDK, tested")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()
        browser.type_token(page, WRONG_TOKEN)
        expect(page.get_by_role("alert")).to_contain_text("not a valid token")
        field = page.get_by_label(browser.FIELD)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("")
        browser.type_token(page, TOKEN)
        page.wait_for_url("**/callback?*")


async def every_call(client) -> None:
    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in (await client.list_tools()).tools])
    for tool, arguments, check in cases.CALLS:
        result = await client.call_tool(tool, arguments)
        cases.check_answer(result.is_error, [block.text for block in result.content], result.structured_content, check)


def test_the_python_sdk_from_the_first_401_to_the_revocation():
    log, kept, sent, answers = cases.Log(), Kept(), [], []

    async def note(response):
        sent.append((response.request.method, urlsplit(str(response.request.url)).path, response.status_code))

    async def run(callback):
        async def redirect(url):
            await asyncio.to_thread(in_chromium, url)

        async def answer():
            answers.append(await asyncio.to_thread(callback.answer))
            return AuthorizationCodeResult(**answers[-1])

        metadata = OAuthClientMetadata(client_name="Python SDK, tested", redirect_uris=[callback.url], token_endpoint_auth_method="none")
        provider = OAuthClientProvider(URL, metadata, kept, redirect, answer)
        async with (
            httpx2.AsyncClient(auth=provider, timeout=30, event_hooks={"response": [note]}) as http,
            Client(streamable_http_client(URL, http_client=http), mode="auto", read_timeout_seconds=30) as client,
        ):
            await every_call(client)
            signed_in = sent.copy()
            sent.clear()
            provider.context.token_expiry_time = time.time() - 1
            await every_call(client)
            return signed_in, sent.copy()

    with browser.Callback() as callback:
        signed_in, refreshed = asyncio.run(asyncio.wait_for(run(callback), 90))

    assert signed_in[:6] == [
        ("POST", "/mcp", 401),
        ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
        ("GET", "/.well-known/oauth-authorization-server", 200),
        ("POST", "/register", 201),
        ("POST", "/token", 200),
        ("POST", "/mcp", 200),
    ]
    assert set(signed_in[6:]) == {("POST", "/mcp", 200)}, "signed in once, and for all calls"
    (answer,) = answers
    assert set(answer) == {"code", "state", "iss"} and answer["iss"] == ISSUER
    assert refreshed[0] == ("POST", "/token", 200) and set(refreshed[1:]) == {("POST", "/mcp", 200)}
    first, second = kept.tokens
    assert first.access_token != second.access_token and first.refresh_token != second.refresh_token

    def knock(access):
        listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"Authorization": f"Bearer {access}", "Accept": "application/json, text/event-stream"}
        return httpx2.post(URL, json=listing, headers=headers, timeout=10)

    assert knock(second.access_token).status_code == 200
    form = {"token": second.refresh_token, "token_type_hint": "refresh_token", "client_id": kept.client.client_id}
    assert httpx2.post(f"{ISSUER}/revoke", data=form, timeout=10).status_code == 200
    for tokens in kept.tokens:
        refused = knock(tokens.access_token)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", resource_metadata="')
        again = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, "client_id": kept.client.client_id}
        refused = httpx2.post(f"{ISSUER}/token", data=again, timeout=10)
        assert refused.status_code == 400 and refused.json()["error"] == "invalid_grant"
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    issued = [text for tokens in kept.tokens for text in (tokens.access_token, tokens.refresh_token)]
    destination = urlsplit(callback.url).netloc
    log.check_sign_in([*issued, answer["code"], TOKEN, WRONG_TOKEN], client="Python SDK, tested", destination=destination)


@pytest.mark.parametrize("sdk", ["sdk1", "sdk2"])
def test_the_typescript_sdk_signs_in_and_refreshes(sdk):
    log = cases.Log()
    with start_node("oauth.mjs", sdk, URL) as node:
        try:
            browser.sign_in(node.stdout.readline().strip(), TOKEN)
            out, err = node.communicate(timeout=30)
        finally:
            node.kill()
    assert node.returncode == 0, err
    told = json.loads(out)
    assert told["refused"] == "UnauthorizedError"
    assert set(told["answered"]) == {"code", "state", "iss"} and told["answered"]["iss"] == ISSUER
    cases.check_tools(told["tools"])
    _, _, check = cases.CALLS[0]
    cases.check_answer(told["result"].get("isError"), [told["result"]["content"][0]["text"]], None, check)
    issued = [tokens[name] for tokens in told["issued"] for name in ("access_token", "refresh_token")]
    assert len(issued) == 4, "once by the code, once by refreshing"
    log.check_sign_in([*issued, told["answered"]["code"], TOKEN], client=f"TypeScript {sdk}")


def request(client_id: str, redirect_uri: str) -> tuple[str, str, str]:
    """A client's request for a sign-in: its address, its state and PKCE's verifier."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "state": state,
        "scope": "analytics:read offline_access",
        "resource": URL,
    }
    return f"{ISSUER}/authorize?{urlencode(query)}", state, verifier


def register(redirect_uri: str, name: str = "A program") -> str:
    registered = httpx2.post(f"{ISSUER}/register", json={"client_name": name, "redirect_uris": [redirect_uri]}, timeout=10)
    assert registered.status_code == 201, registered.text
    return registered.json()["client_id"]


@pytest.mark.parametrize("typed", ["", TOKEN], ids=["nothing typed", "token typed"])
def test_cancel_tells_the_client_and_signs_nobody_in(typed):
    log = cases.Log()
    with browser.Callback() as callback:
        url, state, _ = request(register(callback.url), callback.url)
        with browser.opened(url) as page:
            page.get_by_label(browser.FIELD).fill(typed)
            page.get_by_role("button", name="Cancel").click()
            page.wait_for_url("**/callback?*")
        assert callback.answer() == {"error": "access_denied", "state": state, "iss": ISSUER}
    assert log.events("signed_in") == []


def test_claude_by_its_metadata_document():
    log = cases.Log()
    url, state, verifier = request(CLAUDE, CLAUDE_CALLBACK)
    with browser.opened(url) as page:
        expect(page.get_by_text("Claude", exact=True)).to_be_visible()
        expect(page.get_by_text("claude.ai", exact=True)).to_be_visible()
        # the browser knows no host but this machine, so the request is seen and goes nowhere
        with page.expect_request(f"{CLAUDE_CALLBACK}?*") as followed:
            browser.type_token(page, TOKEN)
        last = followed.value
        assert urlsplit(last.redirected_from.url).path == "/authorize" and last.method == "GET"
        answer = parse_qs(urlsplit(last.url).query, strict_parsing=True)
    (code,) = answer.pop("code")
    assert answer == {"state": [state], "iss": [ISSUER]}

    form = {"grant_type": "authorization_code", "code": code, "client_id": CLAUDE, "code_verifier": verifier, "redirect_uri": CLAUDE_CALLBACK}
    tokens = httpx2.post(f"{ISSUER}/token", data={**form, "resource": URL}, timeout=10)
    assert tokens.status_code == 200 and tokens.headers["Cache-Control"] == "no-store"
    issued = [tokens.json()[name] for name in ("access_token", "refresh_token")]
    log.check_sign_in([*issued, code, TOKEN], client="Claude", destination="claude.ai")
