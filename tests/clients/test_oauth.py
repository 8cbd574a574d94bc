"""Signing in with clients that nobody here wrote, through the sign-in page in a real Chromium.

The official SDKs register themselves or name a metadata document; claude.ai is known to the server by its own. The Python SDK 1,
Claude Code, mcp-remote and the Inspector are signed in by test_sdk1.py, test_claude_code.py, test_mcp_remote.py and test_inspector.py.
"""
from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
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
import signing
from test_typescript import start_node

URL, ISSUER = os.environ["ANALYTICS_URL"], os.environ["ANALYTICS_URL"].removesuffix("/mcp")
TOKEN = os.environ["ANALYTICS_TOKEN"]
WRONG_TOKEN = secrets.token_hex(24)
CLAUDE = "https://claude.ai/oauth/mcp-oauth-client-metadata"
CLAUDE_CALLBACK = "https://claude.ai/api/mcp/auth_callback"


def in_chromium(url: str) -> None:
    """What the analyst sees and does: a wrong token first, then the right one, without a mouse."""
    with browser.opened(url) as page:
        expect(page.get_by_text("Python SDK, tested")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()
        browser.type_token(page, WRONG_TOKEN)
        expect(page.get_by_role("alert")).to_contain_text("not")
        field = page.get_by_label(browser.FIELD)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("")
        browser.type_token(page, TOKEN)
        page.wait_for_url("**/callback?*")


def python_sdk(talk, url=URL, name="Python SDK, tested", person=in_chromium, kept=None, **more):
    """Runs a conversation with a client of the Python SDK that signs in by itself, with this person at its browser.

    Returns what the conversation returns, what is kept and the answers of the browser.
    """
    kept, answers = kept or signing.Kept(), []

    async def run(callback):
        async def redirect(address):
            await asyncio.to_thread(person, address)

        async def answer():
            answers.append(await asyncio.to_thread(callback.answer))
            return AuthorizationCodeResult(**answers[-1])

        metadata = OAuthClientMetadata(client_name=name, redirect_uris=[callback.url], token_endpoint_auth_method="none")
        provider = OAuthClientProvider(url, metadata, kept, redirect, answer, **more)
        sent = []

        async def note(response):
            sent.append((response.request.method, urlsplit(str(response.request.url)).path, response.status_code))

        async with (
            httpx2.AsyncClient(auth=provider, timeout=30, event_hooks={"response": [note]}) as http,
            Client(streamable_http_client(url, http_client=http), mode="auto", read_timeout_seconds=30) as client,
        ):
            return await talk(client, provider, sent)

    with browser.Callback() as callback:
        return asyncio.run(asyncio.wait_for(run(callback), 90)), kept, answers


async def call(client, tool, arguments, check) -> None:
    result = await client.call_tool(tool, arguments)
    cases.check_answer(result.is_error, [block.text for block in result.content], result.structured_content, check)


async def every_call(client) -> None:
    cases.check_tools([tool.model_dump(mode="json", by_alias=True) for tool in (await client.list_tools()).tools])
    for each in cases.CALLS:
        await call(client, *each)


def test_the_python_sdk_from_the_first_401_to_the_revocation():
    log = cases.Log()

    async def talk(client, provider, sent):
        await every_call(client)
        signed_in = sent.copy()
        sent.clear()
        # This SDK refreshes by its own clock, and not because of a 401.
        provider.context.token_expiry_time = time.time() - 1
        await every_call(client)
        return signed_in, sent

    (signed_in, refreshed), kept, answers = python_sdk(talk)
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
    signing.end(kept)
    assert log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    with pytest.raises(BaseExceptionGroup) as caught:
        python_sdk(every_call, person=nobody, kept=kept)
    assert caught.group_contains(AnotherSignIn)
    issued = [text for tokens in kept.tokens for text in (tokens.access_token, tokens.refresh_token)]
    destination = str(kept.client.redirect_uris[0]).removeprefix("http://")
    log.check_sign_in([*issued, answer["code"], TOKEN, WRONG_TOKEN], client="Python SDK, tested", destination=destination)


class AnotherSignIn(Exception):
    """The client wants its person to sign in once more."""


def nobody(_: str) -> None:
    raise AnotherSignIn


def signs_in(url: str) -> None:
    browser.sign_in(url, TOKEN)


def test_the_address_may_end_with_a_slash():
    async def talk(client, _, sent):
        await call(client, *cases.CALLS[-1])
        return sent

    sent, kept, _ = python_sdk(talk, url=f"{URL}/", person=signs_in)
    assert sent[0] == ("POST", "/mcp/", 401) and sent[-1] == ("POST", "/mcp/", 200) and len(kept.tokens) == 1


DOCUMENTS = ["https://vscode.dev/oauth/client-metadata.json", "https://opencode.ai/oauth/client-metadata.json"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[urlsplit(document).netloc for document in DOCUMENTS])
def test_any_client_by_its_metadata_document(document):
    """Nobody fetches the document; so the page does not vouch for the program."""
    log, host = cases.Log(), urlsplit(document).netloc

    def person(url):
        with browser.opened(url) as page:
            expect(page.get_by_text(re.compile(f"[“\"]{re.escape(host)}[”\"]")).first).to_be_visible()
            expect(page.get_by_text(re.compile("unverified", re.IGNORECASE)).first).to_be_visible()
            browser.type_token(page, TOKEN)
            page.wait_for_url("**/callback?*")

    async def talk(client, _, sent):
        await call(client, *cases.CALLS[-1])
        return sent

    sent, kept, _ = python_sdk(talk, person=person, client_metadata_url=document)
    assert kept.client.client_id == document and ("POST", "/register", 201) not in sent
    assert sent[-1] == ("POST", "/mcp", 200)
    assert log.events("signed_in")[0]["client"] == host
    # whoever names a document gets nothing anywhere else than on this machine
    refused = httpx2.get(request(document, f"https://{host}/redirect")[0], timeout=10)
    assert refused.status_code == 400 and "Location" not in refused.headers


@pytest.mark.parametrize("sdk", ["sdk1", "sdk2"])
def test_the_typescript_sdk_from_the_first_401_to_the_revocation(sdk, seen):
    log, url = cases.Log(), cases.endpoint()[0]
    _, arguments, check = cases.CALLS[-1]
    with start_node("oauth.mjs", sdk, url, json.dumps(arguments)) as node:
        try:
            browser.sign_in(node.stdout.readline().strip(), TOKEN)
            out, err = node.communicate(timeout=30)
        finally:
            node.kill()
    assert node.returncode == 0, err
    another_sign_in, report = out.splitlines()
    report = json.loads(report)
    assert report["refused"] == ["UnauthorizedError"] * 2, "before the sign-in and after the sign-out"
    assert another_sign_in.startswith(f"{url.removesuffix('/mcp')}/authorize?")
    assert set(report["answered"]) == {"code", "state", "iss"} and report["answered"]["iss"] == url.removesuffix("/mcp")
    cases.check_tools(report["tools"])
    assert len(report["results"]) == 2, "before and after the refresh"
    for result in report["results"]:
        cases.check_answer(result.get("isError"), [result["content"][0]["text"]], None, check)
    assert len(report["issued"]) == 2, "once by the code, once by refreshing"
    for tokens in report["issued"]:
        signing.check_ended(tokens["access_token"], tokens["refresh_token"], report["client"])

    notes = seen()
    refreshed = notes.index(signing.REFRESHED)
    signing.check_signed_in(notes[:refreshed])
    assert "POST /mcp 401" in notes[notes.index(signing.CODE) : refreshed], "the stale token was refused"
    signing.check_renewed(notes[refreshed : notes.index("POST /revoke 200")])
    assert notes.count("POST /revoke 200") == 1 and log.analysts("signed_out") == [os.environ["ANALYTICS_ANALYST"]]
    issued = [tokens[name] for tokens in report["issued"] for name in ("access_token", "refresh_token")]
    log.check_sign_in([*issued, report["answered"]["code"], TOKEN], client=f"TypeScript {sdk}")


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


def redeem(client: str, redirect_uri: str, code: str, verifier: str) -> dict:
    """The tokens that a client is given for its code."""
    form = {"grant_type": "authorization_code", "code": code, "client_id": client, "code_verifier": verifier, "redirect_uri": redirect_uri}
    tokens = httpx2.post(f"{ISSUER}/token", data={**form, "resource": URL}, timeout=10)
    assert tokens.status_code == 200 and tokens.headers["Cache-Control"] == "no-store", tokens.text
    return tokens.json()


VS_CODE = ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"]


def test_vs_code_keeps_the_addresses_to_which_answers_are_sent():
    """It registers two pages on the web too, to which this server would send nobody (microsoft/vscode#278512)."""
    registration = {
        "client_name": "Visual Studio Code",
        "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": VS_CODE,
        "scope": "analytics:read offline_access",
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    answer = httpx2.post(f"{ISSUER}/register", json=registration, timeout=10)
    assert answer.status_code == 201 and answer.json()["redirect_uris"] == VS_CODE[2:], answer.text
    client = answer.json()["client_id"]
    for gone in VS_CODE[:2]:
        refused = httpx2.get(request(client, gone)[0], timeout=10)
        assert refused.status_code == 400 and "Location" not in refused.headers

    with browser.Callback("http://127.0.0.1:{}/") as callback:
        url, state, verifier = request(client, callback.url)
        with browser.opened(url) as page:
            expect(page.get_by_text("Visual Studio Code")).to_be_visible()
            browser.type_token(page, TOKEN)
            page.wait_for_url(f"{callback.url}?*")
        answer = callback.answer()
    assert answer == {"code": answer["code"], "state": state, "iss": ISSUER}
    tokens = redeem(client, callback.url, answer["code"], verifier)
    assert signing.knock(tokens["access_token"]).status == 200


def test_a_refresh_whose_answer_was_lost_and_one_that_was_copied():
    with browser.Callback() as callback:
        client = register(callback.url)
        url, _, verifier = request(client, callback.url)
        browser.sign_in(url, TOKEN)
        first = redeem(client, callback.url, callback.answer()["code"], verifier)

    def refresh(tokens):
        return signing.refresh(tokens["refresh_token"], client)

    # whose answer was lost asks again, and gets the same
    lost = refresh(first)
    assert lost.status == 200 and refresh(first).text == lost.text
    second = lost.json()
    assert second["refresh_token"] != first["refresh_token"] and signing.knock(second["access_token"]).status == 200
    # once the new one has been used, nobody honest sends the old one
    third = refresh(second).json()
    assert signing.knock(third["access_token"]).status == 200
    refused = refresh(first)
    assert refused.status == 400 and refused.json()["error"] == "invalid_grant"
    for tokens in (first, second, third):
        signing.check_ended(tokens["access_token"], tokens["refresh_token"], client)


def test_what_is_said_to_whoever_is_not_let_in():
    nothing, wrong, ended = signing.knock(None), signing.knock("not-a-token-of-anybody"), signing.knock("access.e30.c2VhbA")
    assert nothing.status == wrong.status == ended.status == 401
    assert "sign in" in nothing.json()["error"] and "personal token" in nothing.json()["error"]
    assert "not valid" not in nothing.text and 'error="' not in nothing.challenge
    for each in (wrong, ended):
        assert "token that was sent is not valid" in each.json()["error"] and 'error="invalid_token"' in each.challenge


LOOPBACK = "http://127.0.0.1:1/callback"
FAULTS = [
    ("response type", {"response_type": "token"}, "unsupported_response_type"),
    ("no PKCE", {"code_challenge_method": "plain"}, "invalid_request"),
    ("another server", {"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
]


@pytest.mark.parametrize(("changed", "error"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_only_claude_is_sent_an_error_that_nobody_has_seen(changed, error):
    """Any program may name an address on a person's own machine; so there a page says what is wrong."""

    def answer_to(client_id, redirect_uri):
        url = urlsplit(request(client_id, redirect_uri)[0])
        query = {name: value for name, (value,) in parse_qs(url.query).items()} | changed
        return httpx2.get(url._replace(query=urlencode(query)).geturl(), timeout=10)

    for client in (register(LOOPBACK), DOCUMENTS[0]):
        shown = answer_to(client, LOOPBACK)
        assert shown.status_code == 400 and "Location" not in shown.headers
        assert shown.headers["Content-Type"].startswith("text/html")
    sent = answer_to(CLAUDE, CLAUDE_CALLBACK)
    assert sent.status_code == 303 and sent.headers["Location"].startswith(f"{CLAUDE_CALLBACK}?")
    answer = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert answer["error"] == [error] and answer["iss"] == [ISSUER] and "code" not in answer


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

    tokens = redeem(CLAUDE, CLAUDE_CALLBACK, code, verifier)
    issued = [tokens[name] for name in ("access_token", "refresh_token")]
    log.check_sign_in([*issued, code, TOKEN], client="Claude", destination="claude.ai")
