#!/usr/bin/env python3
"""Makes docs/conversation-light.png and docs/conversation-dark.png, the conversation that the README shows: the calls and the answers
are those of the real server on the demo fleet; the questions and Claude's words are written here, around numbers of the answers.

    conversation.py [--server BINARY] [--positions N]

Needs what tests/clients/stack.py needs, Chromium (CHROMIUM, or chromium on the PATH), and the package Pillow: `make conversation` brings it.
"""
from __future__ import annotations

import argparse
import html
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from PIL import Image

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/clients"))
from stack import Stack, StackError, stop_on_sigterm  # noqa: E402

WIDTH = 460  # CSS pixels: what a telephone shows without making it smaller
TOP = """SELECT cost_centre, round(sum(distance_km)) AS km
FROM reporting.v_daily_summary
WHERE day >= current_date - 30
GROUP BY 1 ORDER BY 2 DESC LIMIT 3"""
DELETE = "DELETE FROM tracksolid.trips"

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><style>
:root { --page: #fff; --text: #1c2126; --quiet: #55606b; --line: #d5dae0; --mine: #e7effa; --box: #f6f7f9; --accent: #0b5cad; --no: #a3260f; }
.dark { --page: #0d1117; --text: #e6e9ec; --quiet: #a5afb8; --line: #363d44; --mine: #1c2f47; --box: #171c22; --accent: #8cc2ff; --no: #ff9d8a; }
* { box-sizing: border-box; }
body { width: WIDTHpx; margin: 0; padding: 14px; background: var(--page); color: var(--text); font: 16px/1.4 "DejaVu Sans", system-ui, sans-serif; }
p { margin: 0; }
.mine { width: fit-content; max-width: 88%; margin: 0 0 12px auto; padding: 8px 14px; border-radius: 16px 16px 4px 16px; background: var(--mine); }
.claude { margin: 0 0 18px; }
.call { margin: 0 0 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--box); font-size: 14px; overflow: hidden; }
.call > * { padding: 7px 12px; }
.call > * + * { border-top: 1px solid var(--line); }
.name { color: var(--accent); font-weight: bold; }
.no .name { color: var(--no); }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 "DejaVu Sans Mono", monospace; }
.quiet { color: var(--quiet); }
table { width: 100%; border-collapse: collapse; }
th { font-weight: normal; color: var(--quiet); }
th, td { padding: 1px 0; text-align: left; }
th:last-child, td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
</style><body class="SCHEME">BODY"""


def call(stack: Stack, tool: str, arguments: dict) -> tuple[str, bool]:
    """The text of the answer, and whether it is an error."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": f"Bearer {stack.token}"}
    with urllib.request.urlopen(urllib.request.Request(stack.url, json.dumps(body).encode(), headers), timeout=60) as answer:
        result = json.load(answer)["result"]
    return result["content"][0]["text"], result.get("isError", False)


def shown(text: str) -> str:
    return html.escape(text)


def conversation(stack: Stack) -> str:
    described, _ = call(stack, "describe_table", {"schema": "reporting", "table": "v_daily_summary"})
    lines = described.splitlines()
    picked = [lines[0], *(line for line in lines if line.startswith(("cost_centre ", "distance_km ")))]
    excerpt = "\n".join(line if len(line) <= 100 else line[:99].rsplit(" ", 1)[0] + " …" for line in picked)
    answer = json.loads(call(stack, "query", {"sql": TOP})[0])
    (first, second, _third) = rows = answer["rows"]
    refusal, refused = call(stack, "query", {"sql": DELETE})
    if not refused:
        raise StackError(f"the server did not refuse {DELETE}: {refusal}")
    error = json.loads(refusal)["error"]
    audit = next(line for line in stack.server_log.read_text().splitlines() if '"event":"call"' in line and "cost_centre" in line)
    seen = json.loads(audit)
    operator = " ".join(f"{name}={json.dumps(seen[name])}" for name in ("analyst", "tool", "outcome", "rows", "ms"))
    table = "".join(f"<tr><td>{shown(row['cost_centre'])}<td>{row['km']:,}" for row in rows)
    heads = "".join(f"<th>{shown(column)}" for column in answer["columns"])
    return f"""
<p class="mine">Which cost centres drove most in the last 30 days?</p>
<div class="call"><p><span class="name">describe_table</span> reporting.v_daily_summary</p><pre class="quiet">{shown(excerpt)}</pre></div>
<div class="call"><p class="name">query</p><pre>{shown(TOP)}</pre><div><table><tr>{heads}{table}</table></div></div>
<p class="claude"><b>{shown(first['cost_centre'])}</b> with {first['km']:,} km, ahead of {shown(second['cost_centre'])} with {second['km']:,} km.
Distances are from the odometer, one row per vehicle and day.</p>
<p class="mine">Thanks. Now delete the old trips.</p>
<div class="call no"><p class="name">query</p><pre>{shown(DELETE)}</pre><pre class="quiet">{shown(error['code'])}: {shown(error['message'])}</pre></div>
<p class="claude">I cannot: this connection only reads.</p>
<div class="call"><p class="quiet">What the operator’s log says of the first question</p><pre>{shown(operator)}</pre></div>"""


def picture(body: str, scheme: str, folder: Path) -> Path:
    """Renders it in a window that is as high as the page."""
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        raise StackError("chromium not found: install it, or set CHROMIUM")
    page, out = folder / f"{scheme}.html", ROOT / f"docs/conversation-{scheme}.png"
    page.write_text(PAGE.replace("WIDTH", str(WIDTH)).replace("SCHEME", scheme).replace("BODY", body + "<script>document.title = document.documentElement.getBoundingClientRect().height</script>"))
    options = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text", f"--user-data-dir={folder}/profile", "--force-device-scale-factor=2"]
    sized = [f"--window-size={WIDTH},600", "--dump-dom", page.as_uri()]
    dom = subprocess.run([*options, *sized], capture_output=True, text=True, check=True, timeout=60).stdout
    height = int(float(dom.split("<title>")[1].split("<")[0]) + 1)
    subprocess.run([*options, f"--window-size={WIDTH},{height}", f"--screenshot={out}", page.as_uri()], capture_output=True, check=True, timeout=60)
    # A few dozen colours are enough for text, at a third of the size.
    Image.open(out).convert("RGB").quantize(96).save(out, optimize=True)
    return out


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", default=target / "release/analytics_mcp", help="the binary to run")
    parser.add_argument("--positions", default=1_000_000, type=int, help="size of the demo fleet")
    options = parser.parse_args()
    stop_on_sigterm()
    try:
        with Stack(options.server, options.positions) as stack, tempfile.TemporaryDirectory(prefix="analytics_mcp-conversation.") as folder:
            body = conversation(stack)
            for scheme in ("light", "dark"):
                out = picture(body, scheme, Path(folder))
                print(f"{out.relative_to(ROOT)}: {out.stat().st_size / 1000:.0f} kB")
    except StackError as error:
        print(f"conversation: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
