"""What /metrics says, read by Prometheus' own parser."""
from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

import cases


def families() -> dict:
    url, headers = cases.endpoint()
    request = urllib.request.Request(url.removesuffix("/mcp") + "/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return {family.name: family for family in text_string_to_metric_families(response.read().decode())}


def test_every_family_is_read_and_described():
    found = families()
    kinds = {name.removeprefix("analytics_mcp_"): family.type for name, family in found.items()}
    assert kinds == {
        "calls": "counter",
        "failures": "counter",
        "call_seconds": "histogram",
        "rows": "counter",
        "answer_bytes": "counter",
        "sign_ins": "counter",
        "sign_ins_refused": "counter",
        "audit_failures": "counter",
        "ready": "gauge",
        "tokens": "gauge",
        "hidden_columns": "gauge",
        "client_connections": "gauge",
        "calls_running": "gauge",
        "database_connections": "gauge",
        "database_connections_max": "gauge",
        "stuck_statement_seconds": "gauge",
        "build_info": "gauge",
        "process_start_time_seconds": "gauge",
    }
    assert all(family.documentation for family in found.values())


def test_buckets_grow_to_the_count():
    samples = families()["analytics_mcp_call_seconds"].samples
    tools = {sample.labels["tool"] for sample in samples}
    assert tools
    for tool in tools:
        mine = [sample for sample in samples if sample.labels["tool"] == tool]
        buckets = sorted((float(sample.labels["le"]), sample.value) for sample in mine if sample.name.endswith("_bucket"))
        counts = [count for _, count in buckets]
        assert counts == sorted(counts) and buckets[-1][0] == float("inf"), buckets
        (total,) = [sample.value for sample in mine if sample.name.endswith("_count")]
        assert counts[-1] == total > 0
