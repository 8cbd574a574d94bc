#!/usr/bin/env python3
"""Makes docs/ANALYTICS_MCP.html: the runbook and every document that it leads to, as one page without any outside resource.

    docs.py           writes the page
    docs.py --check   fails if the page is not what would be written

Links between the documents become links within the page, and pictures part of it, so that it can be read in a browser and passed on as a
single file. A link
that leads nowhere, and a version in the runbook that is not Cargo.toml's, are errors. A quote that begins with **Warning.** or **Note.**
is set off as such. Needs the package Markdown (`make docs` brings it along, pinned).
"""
import argparse
import base64
import html
import os
import re
import sys
from pathlib import Path

import markdown

ROOT = Path(__file__).resolve().parent.parent
SOURCE, PAGE, TEMPLATE = ROOT / "docs/ANALYTICS_MCP.md", ROOT / "docs/ANALYTICS_MCP.html", ROOT / "scripts/docs.html"


class Stale(Exception):
    """The documents are not as they must be."""


def title_of(path: Path) -> str:
    return re.search(r"^# (.+)$", path.read_text(), re.MULTILINE)[1]


def documents() -> list[Path]:
    """The runbook and what can be reached from it by links, in the order in which they are linked."""
    found = [SOURCE]
    for path in found:
        for target in re.findall(r"\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)", path.read_text()):
            other = (path.parent / target).resolve()
            if not other.is_file():
                raise Stale(f"{path.relative_to(ROOT)} links to {target}, which does not exist")
            if other not in found:
                found.append(other)
    return found


def prefix(path: Path) -> str:
    """What the anchors of a document begin with; the runbook's are as in the Markdown."""
    return "" if path == SOURCE else path.stem.lower() + "--"


def linked(body: str, path: Path, others: list[Path]) -> str:
    """Its links and anchors, as they are within the page."""

    def anchor(match: re.Match) -> str:
        return f'{match[1]}id="{prefix(path)}{match[2]}"'

    def link(match: re.Match) -> str:
        attribute, target = match[1], html.unescape(match[2])
        if re.match(r"[a-z]+:", target):
            return match[0]
        file, _, fragment = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        if other in others:
            return f'{attribute}="#{prefix(other)}{fragment or ("top" if other == SOURCE else "")}"'.replace('--"', '--top"')
        if not other.exists():
            raise Stale(f"{path.relative_to(ROOT)} links to {target}, which does not exist")
        if attribute == "src":
            return f'src="data:image/png;base64,{base64.b64encode(other.read_bytes()).decode()}"'
        return f'{attribute}="{html.escape(os.path.relpath(other, PAGE.parent))}"'

    body = re.sub(r'(<h[1-6] )id="([^"]*)"', anchor, body)
    return re.sub(r'\b(href|src|srcset)="([^"]*)"', link, body)


def set_off(body: str) -> str:
    """Warnings, boxes of code, and tables that are read line by line where there is no room for columns."""
    body = re.sub(
        r"<blockquote>\s*<p><strong>(Warning|Note)\.</strong>(.*?)</blockquote>",
        lambda match: f'<div class="callout {match[1].lower()}" role="note"><p><strong>{match[1]}.</strong>{match[2]}</div>',
        body,
        flags=re.DOTALL,
    )

    def table(match: re.Match) -> str:
        heads = [html.escape(html.unescape(re.sub("<.*?>", "", head))) for head in re.findall(r"<th[^>]*>(.*?)</th>", match[0], re.DOTALL)]
        rows = match[0].split("<tr>")
        for number, row in enumerate(rows):
            names = iter(heads)
            rows[number] = re.sub("<td(?=[ >])", lambda _, names=names: f'<td data-head="{next(names, "")}"', row)
        return "<tr>".join(rows)

    body = re.sub(r"<table>.*?</table>", table, body, flags=re.DOTALL)
    # A short name is not broken at its hyphens.
    body = re.sub(r"(?<!<pre>)<code>(?=[^<]{1,24}</code>)", '<code class="short">', body)
    # What is to be typed or pasted can be copied; what programs print need not be.
    body = re.sub(r'<pre><code class="language-(?!text")', r'<pre class="copied"><code class="language-', body)
    return body


def rendered(path: Path, others: list[Path]) -> tuple[str, str]:
    """A document as HTML, and its contents."""
    converter = markdown.Markdown(extensions=["tables", "fenced_code", "toc", "md_in_html"], extension_configs={"toc": {"toc_depth": "2-3"}})
    body = set_off(linked(converter.convert(path.read_text()), path, others))
    if path != SOURCE:  # its headings stand one level below the runbook's title
        body = re.sub(r"(</?h)([1-5])\b", lambda match: f"{match[1]}{int(match[2]) + 1}", body)
    contents = re.sub(r'href="#', f'href="#{prefix(path)}', converter.toc)
    return body, contents


def page() -> str:
    paths = documents()
    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if f"Version {version}," not in SOURCE.read_text():
        raise Stale(f"{SOURCE.name} must say for which version it is: **Version {version}, DATE**")
    bodies, contents = [], []
    for path in paths:
        body, entries = rendered(path, paths)
        if path == SOURCE:
            bodies.append(f'<article id="top">\n{body}\n</article>')
            contents.append(entries)
        else:
            bodies.append(f'<article id="{prefix(path)}top">\n<p class="file">{path.relative_to(ROOT)}</p>\n{body}\n</article>')
            summary = f'<a href="#{prefix(path)}top">{html.escape(title_of(path))}</a>'
            contents.append(f"<p>{summary}</p>")
    text = TEMPLATE.read_text().replace("{title}", html.escape(title_of(SOURCE)))
    text = text.replace("{contents}", contents[0] + '\n<h2>Other documents</h2>\n<div class="others">' + "\n".join(contents[1:]) + "</div>")
    text = text.replace("{body}", "\n".join(bodies))
    anchors = set(re.findall(r'\bid="([^"]*)"', text))
    for target in re.findall(r'href="#([^"]*)"', text):
        if target not in anchors:
            raise Stale(f"a link leads to #{target}, which does not exist")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    try:
        wanted = page()
        if options.check and (not PAGE.exists() or PAGE.read_text() != wanted):
            raise Stale(f"{PAGE.name} is not what the Markdown makes: run `make docs` and commit it")
    except Stale as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
