#!/usr/bin/env python3
"""Makes docs/ANALYTICS_MCP.html from docs/ANALYTICS_MCP.md: one page without any outside resource.

    docs.py           writes the page
    docs.py --check   fails if the page is not what would be written

Needs the package Markdown (`make docs` brings it along, pinned).
"""
import argparse
import html
import re
import sys
from pathlib import Path

import markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE, PAGE = DOCS / "ANALYTICS_MCP.md", DOCS / "ANALYTICS_MCP.html"

TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --page: #fff; --box: #f4f5f7; --text: #1c2126; --quiet: #55606b; --line: #d5dae0; --accent: #0b5cad; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #121518; --box: #1b1f23; --text: #e6e9ec; --quiet: #a5afb8; --line: #363d44; --accent: #8cc2ff; }}
}}
* {{ box-sizing: border-box; }}
html {{ scroll-padding-top: 1rem; }}
body {{ margin: 0; background: var(--page); color: var(--text); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }}
.layout {{ max-width: 76rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }}
nav {{ margin-bottom: 2rem; font-size: .9375rem; }}
nav > strong {{ display: block; margin-bottom: .25rem; }}
nav ul {{ margin: 0; padding-left: 1rem; list-style: none; }}
nav > .toc > ul {{ padding: 0; }}
nav li {{ margin: .25rem 0; }}
a {{ color: var(--accent); }}
nav a {{ text-decoration: none; }}
a:hover {{ text-decoration: underline; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
main {{ max-width: 48rem; min-width: 0; }}
h1 {{ font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; }}
h2 {{ font-size: 1.3125rem; line-height: 1.3; margin: 2.25rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }}
h3 {{ font-size: 1.0625rem; margin: 1.5rem 0 .25rem; }}
code, pre {{ font: .875rem/1.5 ui-monospace, SFMono-Regular, Consolas, "DejaVu Sans Mono", monospace; }}
:not(pre) > code {{ padding: .0625rem .25rem; background: var(--box); border-radius: 4px; }}
pre {{ padding: .75rem; background: var(--box); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .9375rem; }}
th, td {{ padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }}
td {{ overflow-wrap: break-word; }}
blockquote {{ margin: 1rem 0; padding: 0 1rem; border-left: 3px solid var(--line); color: var(--quiet); }}
@media (min-width: 64rem) {{
  .layout {{ display: grid; grid-template-columns: 17rem minmax(0, 1fr); gap: 3rem; }}
  nav {{ position: sticky; top: 1.25rem; align-self: start; max-height: calc(100vh - 2.5rem); overflow-y: auto; margin: 0; }}
}}
@media print {{
  :root {{ --page: #fff; --box: #f4f5f7; --text: #000; --quiet: #333; --line: #bbb; --accent: #000; }}
  .layout {{ display: block; padding: 0; }}
  nav {{ position: static; max-height: none; break-after: page; }}
  pre {{ white-space: pre-wrap; break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
}}
</style>
</head>
<body>
<div class="layout">
<nav aria-label="Contents"><strong>Contents</strong>
{contents}
</nav>
<main>
{body}
</main>
</div>
</body>
</html>
"""


def page(text: str) -> str:
    converter = markdown.Markdown(extensions=["tables", "fenced_code", "toc"], extension_configs={"toc": {"toc_depth": "2-3"}})
    body = converter.convert(text)
    # a wide table scrolls by itself, and a block of code can be scrolled by keyboard
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    body = body.replace("<pre>", '<pre tabindex="0">')
    title = html.escape(re.search(r"^# (.+)$", text, re.MULTILINE)[1])
    return TEMPLATE.format(title=title, contents=converter.toc, body=body)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    wanted = page(SOURCE.read_text())
    if options.check:
        if not PAGE.exists() or PAGE.read_text() != wanted:
            print(f"{PAGE.name} is not what {SOURCE.name} makes: run `make docs` and commit it", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
