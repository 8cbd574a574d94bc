#!/usr/bin/env python3
"""Real clients that nobody here wrote, against the server: the official Python and TypeScript SDKs, 1.x and 2.x, the Claude
Code CLI, mcp-remote, the Inspector's command line, the protocol's official conformance suite, and Chromium for the pages and the
sign-in and as a host of the view.

    run.py [--server BINARY] [PYTEST-ARGUMENT...]

Each client is installed with pinned versions into target/clients/ and kept there until its pins change. Starts a throw-away
PostgreSQL with the demo fleet and the server. Whatever is missing is a failure: nothing is skipped.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from stack import ROOT, Stack, StackError, stop_on_sigterm, tail
from witness import Witness

HERE = Path(__file__).resolve().parent
KEPT = ROOT / "target/clients"
SUITES = [
    ("sdk1", ["test_sdk1.py", "test_mcp_remote.py"]),
    (
        "sdk2",
        [
            *("test_sdk2.py", "test_claude_code.py", "test_typescript.py", "test_conformance.py"),
            *("test_oauth.py", "test_inspector.py", "test_pages.py", "test_modern_off.py", "test_metrics.py"),
            *("test_view_server.py", "test_view.py", "test_view_results.py"),
        ],
    ),
]
NPM = ["apps", "axe", "claude-code", "inspector", "node"]
POSITIONS = 40_000  # of fewer, some of the demo's own queries find nothing
PUBLIC = {"MCP_PUBLIC_URL": "https://fleetmcp.example.com", "MCP_CONTACT": "Dana in Fleet IT", "MCP_AUDIT_KEPT": "90 days"}


def install(name: str, pins: list[Path], steps: list[list[object]]) -> str:
    """Makes target/clients/NAME by these commands, unless these pins made it before; says how long it took."""
    folder, stamp = KEPT / name, KEPT / name / "complete"
    want = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins) + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == want:
        return f"{name}: kept from an earlier run"
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = KEPT / f"{name}.log"
    with log.open("wb") as out:
        for step in steps:
            command = [str(part) for part in step]
            try:
                # a registry's hiccup is not a failure of the server
                tries = (subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False) for _ in range(2))
                if all(done.returncode != 0 for done in tries):
                    raise StackError(f"{name} cannot be installed ({' '.join(command[:3])} …):\n{tail(log)}")
            except FileNotFoundError:
                raise StackError(f"{name} cannot be installed: {command[0]} not found") from None
    stamp.write_text(want)
    return f"{name}: installed in {time.monotonic() - began:.0f} s"


def install_sdk(name: str) -> str:
    pins, folder = HERE / f"{name}.txt", KEPT / name
    pip = [folder / "bin/python", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    return install(
        name,
        [pins],
        [
            [sys.executable, "-m", "venv", folder],
            [*pip, "install", "--quiet", "--no-deps", "-r", pins],
            [*pip, "check"],
        ],
    )


def install_npm(name: str, *more: list[object]) -> str:
    pins = [HERE / name / "package.json", HERE / name / "package-lock.json"]
    return install(
        name,
        pins,
        [["cp", *pins, "."], ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], *more],
    )


def chromium_binary() -> str:
    """This system's Chromium; or one from npm where there is none, as on Ubuntu, whose snap could not see our folders."""
    found = shutil.which("chromium")
    if not found:
        packed, found = "node_modules/@sparticuz/chromium/bin/chromium.br", str(KEPT / "chromium/chromium")
        unpack = f"fs.writeFileSync('chromium', zlib.brotliDecompressSync(fs.readFileSync('{packed}')), {{ mode: 0o755 }})"
        print(f"clients: {install_npm('chromium', ['node', '-e', unpack])}", flush=True)
    return found


def claude_binary() -> str:
    found = glob.glob(str(KEPT / "claude-code/node_modules/@anthropic-ai/claude-code-*/claude"))
    if not found:
        raise StackError("the installed Claude Code has no binary for this machine")
    return found[0]


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", help="the binary to test")
    options, pytest_arguments = parser.parse_known_args()
    stop_on_sigterm()
    try:
        KEPT.mkdir(parents=True, exist_ok=True)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            jobs = [pool.submit(install_sdk, name) for name, _ in SUITES] + [pool.submit(install_npm, name) for name in NPM]
            for job in concurrent.futures.as_completed(jobs):
                print(f"clients: {job.result()}", flush=True)
        installed = {
            "CLAUDE_BINARY": claude_binary(),
            "INSPECTOR": str(KEPT / "inspector"),
            "NODE_CLIENTS": str(KEPT / "node"),
            "APPS": str(KEPT / "apps"),
            "CHROMIUM": chromium_binary(),
            "AXE": str(KEPT / "axe/node_modules/axe-core/axe.min.js"),
        }
        began = time.monotonic()
        with Stack(options.server, POSITIONS) as stack, Witness(stack.log_of("witness")) as witness:
            witnessed = stack.start_another_server("witnessed", MCP_PUBLIC_URL=witness.url)
            witness.port = urlsplit(witnessed).port
            others = {
                "ANALYTICS_URL_WITNESSED": f"{witness.url}/mcp",
                "ANALYTICS_LOG_WITNESSED": str(stack.log_of("witnessed")),
                "ANALYTICS_WITNESS": str(witness.notes),
                "ANALYTICS_URL_MODERN_OFF": stack.start_another_server("modern-off", MCP_PROTOCOL_MODERN="off"),
                "ANALYTICS_URL_VIEW_OFF": stack.start_another_server("view-off", MCP_VIEW="off"),
                "ANALYTICS_URL_PUBLIC": stack.start_another_server("public", **PUBLIC),
                "ANALYTICS_URL_NO_SIGN_IN": stack.start_another_server("no-sign-in", MCP_PUBLIC_URL=""),
            }
            print(f"clients: database and servers started in {time.monotonic() - began:.0f} s", flush=True)
            failed = False
            for name, files in SUITES:
                python = KEPT / name / "bin/python"
                pins = (HERE / f"{name}.txt").read_text().splitlines()
                print(f"clients: {next(pin for pin in pins if pin.startswith('mcp=='))}, {' '.join(files)}", flush=True)
                command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *files, *pytest_arguments]
                environment = {**os.environ, **stack.environment(), **others, **installed, "PYTHONDONTWRITEBYTECODE": "1"}
                done = subprocess.run(command, cwd=HERE, env=environment, stdin=subprocess.DEVNULL, timeout=600, check=False)
                nothing_selected = 5 if pytest_arguments else 0  # in one of the suites, that is
                failed |= done.returncode not in (0, nothing_selected)
            if failed:
                for log in (stack.server_log, stack.log_of("witnessed"), witness.notes):
                    print(f"clients: the end of {log.name}:\n{tail(log, 30)}", flush=True)
            return 1 if failed else 0
    except (StackError, subprocess.TimeoutExpired) as error:
        print(f"clients: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
