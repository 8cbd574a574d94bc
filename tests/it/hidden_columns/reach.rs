//! What reaches a hidden column by another way: each is found with the statement that closes it, and `strict` closes all.

use super::{
    attacks::readable_values,
    fleet::{apply_role, as_reader, cluster, database, has_timescaledb, hide, look, refused},
    shows,
};

const TABLE: &str = "
    CREATE TABLE tracksolid.plain (id int PRIMARY KEY, depot text, phone text);
    INSERT INTO tracksolid.plain VALUES (1, 'depot 1', 'Zq7-1'), (2, 'depot 2', 'Zq7-2');
    CREATE FUNCTION fuel.inner_phone(of int) RETURNS text LANGUAGE sql STABLE AS 'SELECT phone FROM tracksolid.plain WHERE id = of';
    CREATE VIEW reporting.depots AS SELECT id, depot FROM tracksolid.plain;
    CREATE FUNCTION fuel.depot_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM reporting.depots';
    CREATE VIEW reporting.mixed AS SELECT id, depot, upper(phone) AS p FROM tracksolid.plain;
    CREATE VIEW reporting.as_caller WITH (security_invoker) AS SELECT * FROM tracksolid.plain;
";
/// What of all this an analyst could use before and can use after, whatever else is closed.
const STAYS: &[(&str, &str)] = &[
    ("SELECT depot FROM tracksolid.plain WHERE id = 1", "depot 1"),
    ("SELECT depot FROM reporting.depots WHERE id = 2", "depot 2"),
    ("SELECT depot FROM reporting.mixed WHERE id = 2", "depot 2"),
];

/// The name of something, what makes it, and the query that shows a hidden value through it.
const REACH: &[(&str, &str, &str)] = &[
    ("a1", "CREATE VIEW reporting.a1 AS SELECT id, phone AS p FROM tracksolid.plain", "SELECT p FROM reporting.a1"),
    (
        "a2",
        "CREATE VIEW reporting.a2 AS SELECT id, p FROM (SELECT id, phone AS p FROM tracksolid.plain) x",
        "SELECT p FROM reporting.a2",
    ),
    ("a3", "CREATE VIEW reporting.a3 AS SELECT p AS q FROM reporting.a2", "SELECT q FROM reporting.a3"),
    ("a4", "CREATE VIEW reporting.a4 AS SELECT to_jsonb(d) AS j FROM tracksolid.plain d", "SELECT j FROM reporting.a4"),
    ("a5", "CREATE VIEW reporting.a5 AS SELECT d FROM tracksolid.plain d", "SELECT (d).phone FROM reporting.a5"),
    (
        "a6",
        "CREATE VIEW reporting.a6 AS SELECT depot AS x FROM tracksolid.plain UNION ALL SELECT phone FROM tracksolid.plain",
        "SELECT x FROM reporting.a6",
    ),
    (
        "a7",
        "CREATE VIEW reporting.a7 AS WITH w AS (SELECT * FROM tracksolid.plain) SELECT max(phone) AS x, count(*) AS n FROM w",
        "SELECT x FROM reporting.a7",
    ),
    (
        "a8",
        "CREATE VIEW reporting.a8 AS SELECT id, (SELECT max(phone) FROM tracksolid.plain) AS x FROM tracksolid.plain",
        "SELECT x FROM reporting.a8",
    ),
    (
        "a9",
        "CREATE VIEW reporting.a9 AS SELECT l.value FROM tracksolid.plain t, LATERAL jsonb_each_text(to_jsonb(t)) l",
        "SELECT value FROM reporting.a9",
    ),
    (
        "b1",
        "CREATE VIEW reporting.b1 AS SELECT phone AS x FROM tracksolid.plain a JOIN (SELECT phone FROM tracksolid.plain) b USING (phone)",
        "SELECT x FROM reporting.b1",
    ),
    (
        "b2",
        "CREATE VIEW reporting.b2 AS SELECT id, lag(phone) OVER (ORDER BY id DESC) AS x FROM tracksolid.plain",
        "SELECT x FROM reporting.b2",
    ),
    (
        "b3",
        "CREATE VIEW reporting.b3 AS SELECT depot, string_agg(CASE WHEN id > 0 THEN phone END, ',') AS x FROM tracksolid.plain GROUP BY depot",
        "SELECT x FROM reporting.b3",
    ),
    ("b4", "CREATE VIEW reporting.b4 AS SELECT x.* FROM tracksolid.plain AS x(a, b, c)", "SELECT c FROM reporting.b4"),
    (
        "b5",
        "CREATE VIEW reporting.b5 WITH (security_barrier) AS SELECT array_agg(ROW(phone, 1)::text) AS x FROM tracksolid.plain",
        "SELECT x FROM reporting.b5",
    ),
    (
        "b6",
        "CREATE VIEW reporting.b6 AS SELECT phone AS \"odd name :resno 1\", id FROM tracksolid.plain GROUP BY 1, 2 HAVING count(*) > 0 ORDER BY 2",
        "SELECT * FROM reporting.b6",
    ),
    (
        "b7",
        "CREATE VIEW reporting.b7 AS SELECT (SELECT p.phone FROM (SELECT d.phone) p) AS x FROM tracksolid.plain d",
        "SELECT x FROM reporting.b7",
    ),
    (
        "b8",
        "CREATE VIEW reporting.b8 AS WITH RECURSIVE r(x, n) AS (SELECT phone, 1 FROM tracksolid.plain UNION ALL SELECT x, n + 1 FROM r WHERE n < 2) SELECT x FROM r",
        "SELECT x FROM reporting.b8",
    ),
    (
        "b9",
        "CREATE VIEW reporting.b9 AS SELECT depot AS x FROM tracksolid.plain EXCEPT SELECT 'y' UNION SELECT p FROM reporting.a1",
        "SELECT x FROM reporting.b9",
    ),
    (
        "c1",
        "CREATE MATERIALIZED VIEW reporting.c1 AS SELECT id, reverse(reverse(phone)) AS x FROM tracksolid.plain",
        "SELECT x FROM reporting.c1",
    ),
    (
        "c2",
        "CREATE MATERIALIZED VIEW reporting.c2 AS SELECT fuel.inner_phone(id) AS x FROM generate_series(1, 2) AS id",
        "SELECT x FROM reporting.c2",
    ),
    ("c3", "CREATE VIEW reporting.c3 AS SELECT x AS y FROM reporting.c1", "SELECT y FROM reporting.c3"),
    (
        "c4",
        "CREATE MATERIALIZED VIEW reporting.c4 AS SELECT t.*::text AS x FROM tracksolid.plain t",
        "SELECT x FROM reporting.c4",
    ),
    (
        "c5",
        "CREATE TABLE tracksolid.c5 (id int, phone text, copy text GENERATED ALWAYS AS (lower(phone)) STORED); INSERT INTO tracksolid.c5 VALUES (1, 'Zq7-c5')",
        "SELECT copy FROM tracksolid.c5",
    ),
    (
        "f2",
        "CREATE VIEW reporting.f2 WITH (security_invoker) AS SELECT phone AS x FROM tracksolid.plain; ALTER VIEW reporting.f2 SET (security_invoker = false)",
        "SELECT x FROM reporting.f2",
    ),
    (
        "f3",
        "CREATE VIEW reporting.f3 AS SELECT id, depot AS x FROM tracksolid.plain; CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO reporting.f3 DO INSTEAD SELECT id, phone AS x FROM tracksolid.plain",
        "SELECT x FROM reporting.f3",
    ),
    (
        "f4",
        "CREATE FUNCTION fuel.f4() RETURNS text LANGUAGE sql AS 'SELECT max(phone) FROM tracksolid.plain'; ALTER ROUTINE fuel.f4() SECURITY DEFINER",
        "SELECT fuel.f4()",
    ),
    (
        "f5",
        "CREATE FUNCTION fuel.f5(tracksolid.plain) RETURNS text LANGUAGE sql AS 'SELECT $1.phone'; CREATE VIEW reporting.f5 AS SELECT fuel.f5(p) AS x FROM tracksolid.plain p",
        "SELECT x FROM reporting.f5",
    ),
    (
        "f6",
        "CREATE VIEW reporting.f6 AS SELECT id AS x FROM tracksolid.plain; CREATE OR REPLACE VIEW reporting.f6 AS SELECT id AS x, phone AS y FROM tracksolid.plain",
        "SELECT y FROM reporting.f6",
    ),
    (
        "d1",
        "CREATE FUNCTION fuel.d1() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.plain'",
        "SELECT fuel.d1()",
    ),
    (
        "d2",
        "CREATE FUNCTION fuel.d2() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $f$DECLARE x text; BEGIN EXECUTE 'SELECT max(phone) FROM tracksolid.' || 'pl' || 'ain' INTO x; RETURN x; END$f$",
        "SELECT fuel.d2()",
    ),
    (
        "d3",
        "CREATE FUNCTION fuel.d3() RETURNS text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT max(phone) FROM tracksolid.plain; END",
        "SELECT fuel.d3()",
    ),
    (
        "d4",
        "CREATE FUNCTION fuel.d4() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT fuel.inner_phone(1)'",
        "SELECT fuel.d4()",
    ),
    (
        "d5",
        "CREATE FUNCTION fuel.d5() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS 'SELECT p FROM reporting.a1'",
        "SELECT fuel.d5()",
    ),
    (
        "d6",
        "CREATE FUNCTION fuel.d6(regclass) RETURNS xml LANGUAGE sql SECURITY DEFINER AS 'SELECT table_to_xml($1, true, true, '''')'",
        "SELECT fuel.d6('tracksolid.plain')",
    ),
    (
        "d7",
        "CREATE PROCEDURE fuel.d7(INOUT x text) LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.plain'",
        "CALL fuel.d7(NULL)",
    ),
    (
        "d8",
        "CREATE FUNCTION fuel.d8_step(text, text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.plain'; CREATE AGGREGATE fuel.d8(text) (sfunc = fuel.d8_step, stype = text)",
        "SELECT fuel.d8('x')",
    ),
    (
        "d9",
        "CREATE FUNCTION fuel.d9() RETURNS SETOF tracksolid.plain LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN QUERY TABLE TRACKSOLID.PLAIN; END'; CREATE VIEW reporting.d9 AS SELECT * FROM fuel.d9()",
        "SELECT phone FROM fuel.d9()",
    ),
];

const LINES: &str = "tracksolid.plain.phone # personal\ntracksolid.c5.phone";

/// The same with TimescaleDB, where it is.
const TABLE_TIMESCALEDB: &[&str] = &[
    "CREATE EXTENSION timescaledb",
    "CREATE TABLE tracksolid.hyper (id int, ts timestamptz NOT NULL, depot text, phone text)",
    "SELECT create_hypertable('tracksolid.hyper', 'ts', chunk_time_interval => interval '10 days')",
    "INSERT INTO tracksolid.hyper SELECT n, timestamptz '2026-01-01 00:00+00' + n * interval '5 days', 'depot', 'Zq7-' || n FROM generate_series(1, 9) AS n",
    "ALTER TABLE tracksolid.hyper SET (timescaledb.compress, timescaledb.compress_segmentby = 'phone')",
    "SELECT compress_chunk(c) FROM show_chunks('tracksolid.hyper', older_than => timestamptz '2026-01-20') AS c",
    "CREATE MATERIALIZED VIEW reporting.open_months WITH (timescaledb.continuous) AS SELECT time_bucket('30 days', ts) AS ts, count(*) AS n FROM tracksolid.hyper GROUP BY 1 WITH DATA",
];
const REACH_TIMESCALEDB: &[(&str, &str, &str)] = &[
    (
        "e1",
        "CREATE MATERIALIZED VIEW reporting.e1 WITH (timescaledb.continuous) AS SELECT time_bucket('10 days', ts) AS b, max(phone) AS x, count(*) AS n FROM tracksolid.hyper GROUP BY 1 WITH DATA",
        "SELECT x FROM reporting.e1",
    ),
    (
        "e2",
        "CREATE MATERIALIZED VIEW reporting.e2 WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS SELECT time_bucket('10 days', ts) AS b, phone, count(*) AS n FROM tracksolid.hyper GROUP BY 1, 2 WITH NO DATA",
        "SELECT phone FROM reporting.e2",
    ),
    (
        "e3",
        "CREATE MATERIALIZED VIEW reporting.e3 WITH (timescaledb.continuous) AS SELECT time_bucket('30 days', b) AS b, min(x) AS y FROM reporting.e1 GROUP BY 1 WITH DATA",
        "SELECT y FROM reporting.e3",
    ),
    (
        "e4",
        "CREATE VIEW reporting.e4 AS SELECT last(h, ts)::text AS x FROM tracksolid.hyper h",
        "SELECT x FROM reporting.e4",
    ),
    ("e5", "CREATE VIEW reporting.e5 AS SELECT b, x AS z FROM reporting.e1", "SELECT z FROM reporting.e5"),
];
const LINES_TIMESCALEDB: &str = "\ntracksolid.hyper.phone";
/// Beyond [`STAYS`].
const STAYS_TIMESCALEDB: &[(&str, &str)] =
    &[("SELECT count(depot) FROM tracksolid.hyper", "9"), ("SELECT sum(n) FROM reporting.open_months", "9")];

/// A database with the tables.
fn tables(name: &str) {
    database(name, TABLE);
    if has_timescaledb(cluster()) {
        for sql in TABLE_TIMESCALEDB {
            cluster().sql(name, sql);
        }
    }
}

fn reaches() -> Vec<(&'static str, &'static str, &'static str)> {
    let more = if has_timescaledb(cluster()) { REACH_TIMESCALEDB } else { &[] };
    REACH.iter().chain(more).copied().collect()
}

fn create_reaches(name: &str) {
    for (_, sql, _) in reaches() {
        cluster().sql(name, sql);
    }
}

fn lines() -> String {
    if has_timescaledb(cluster()) { format!("{LINES}{LINES_TIMESCALEDB}") } else { LINES.to_owned() }
}

/// Nothing that the role may read shows a hidden value, and what has nothing to do with it is as before.
fn check_all(name: &str, wrong: &mut Vec<String>) {
    let more = if has_timescaledb(cluster()) { STAYS_TIMESCALEDB } else { &[] };
    for (query, answer) in STAYS.iter().chain(more) {
        let outcome = as_reader(name, query);
        if !outcome.ran() || outcome.said.trim_end() != *answer {
            wrong.push(format!("{name}: {query}: {outcome:?}"));
        }
    }
    wrong.extend(readable_values(cluster(), name));
}

/// The statements that are found to close this.
fn fixes(found: &[serde_json::Value], name: &str) -> Vec<String> {
    let about = |row: &&serde_json::Value| {
        let subject = row["what"].as_str().unwrap_or_default().split(" may show ").next().unwrap();
        subject.contains(&format!(".{name}"))
    };
    found.iter().filter(about).map(|row| row["fix"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_is_found_with_the_statement_that_closes_it() {
    let name = "hc_reach";
    tables(name);
    create_reaches(name);
    apply_role(cluster(), name);
    hide(cluster(), name, &lines(), "apply");
    let found = look(name);
    let mut wrong = Vec::new();
    for (_, _, query) in reaches() {
        let before = as_reader(name, query);
        assert!(shows(&before.said), "{query} shows nothing: {before:?}");
    }
    for (what, _, query) in reaches() {
        let fixes = fixes(&found, what);
        if fixes.is_empty() {
            wrong.push(format!("{what} is not found: {query}"));
        }
        for fix in fixes {
            if let Err(error) = cluster().admin(name).batch_execute(&fix) {
                wrong.push(format!("{what}: {fix}: {error:?}"));
            }
        }
        let after = as_reader(name, query);
        if after.state != "42501" {
            wrong.push(format!("{what} is still open: {query}: {after:?}"));
        }
    }
    for fix in fixes(&found, "mixed") {
        cluster().sql(name, &fix);
    }
    check_all(name, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // It shows nothing any more, but nobody can use it either.
    refused(name, "SELECT depot FROM reporting.as_caller");
    assert!(
        found.iter().any(|row| row["what"].as_str().is_some_and(|what| what.contains("reporting.as_caller"))),
        "{found:?}"
    );
    assert!(fixes(&found, "depots").is_empty() && fixes(&found, "depot_count").is_empty(), "{found:?}");
}

#[test]
fn strict_closes_all_now_and_later() {
    let (now, later) = ("hc_strict", "hc_strict_later");
    tables(now);
    create_reaches(now);
    apply_role(cluster(), now);
    hide(cluster(), now, &lines(), "apply strict");
    tables(later);
    apply_role(cluster(), later);
    hide(cluster(), later, &lines(), "apply strict");
    create_reaches(later);
    let mut wrong = Vec::new();
    for name in [now, later] {
        for (what, _, query) in reaches() {
            let outcome = as_reader(name, query);
            if outcome.state != "42501" {
                wrong.push(format!("{name}, {what} is open: {query}: {outcome:?}"));
            }
        }
        check_all(name, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_part_of_a_table_is_as_hidden_as_the_line_says() {
    let name = "hc_upwards";
    database(
        name,
        "CREATE TABLE tracksolid.whole (id int, phone text) PARTITION BY LIST (id);
         CREATE TABLE tracksolid.part_1 PARTITION OF tracksolid.whole FOR VALUES IN (1);
         INSERT INTO tracksolid.whole VALUES (1, 'Zq7-1');",
    );
    hide(cluster(), name, "tracksolid.part_1.phone", "apply");
    refused(name, "SELECT phone FROM tracksolid.part_1");
    // The parent's privileges decide for a query of the parent.
    let outcome = as_reader(name, "SELECT phone FROM tracksolid.whole");
    let found = look(name).iter().any(|row| row["what"].as_str().is_some_and(|what| what.contains("tracksolid.whole")));
    assert!(outcome.state == "42501" || found, "{outcome:?}, and nobody says so");
}
