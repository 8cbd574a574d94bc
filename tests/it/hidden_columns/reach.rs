//! What reaches a hidden column by another way: each is found with the statement that closes it, and `strict` closes all.

use serde::Deserialize;

use super::{
    attacks::readable_values,
    fleet::{apply_role, as_reader, cluster, data, database, has_timescaledb, hide, look, refused},
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

/// A line of `reach.jsonl`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reach {
    /// What it makes is called so, whatever its schema.
    name: String,
    /// Shows a hidden value through it.
    query: String,
    /// Makes it.
    sql: String,
    /// The extension that it needs.
    #[serde(default)]
    needs: Option<String>,
}

fn reaches() -> Vec<Reach> {
    let all = data("reach.jsonl");
    let lines = all.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.filter(|reach: &Reach| has_timescaledb(cluster()) || reach.needs.is_none()).collect()
}

fn create_reaches(name: &str) {
    for reach in reaches() {
        cluster().sql(name, &reach.sql);
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
    for Reach { query, .. } in reaches() {
        let before = as_reader(name, &query);
        assert!(shows(&before.said), "{query} shows nothing: {before:?}");
    }
    for Reach { name: what, query, .. } in reaches() {
        let fixes = fixes(&found, &what);
        if fixes.is_empty() {
            wrong.push(format!("{what} is not found: {query}"));
        }
        for fix in fixes {
            if let Err(error) = cluster().admin(name).batch_execute(&fix) {
                wrong.push(format!("{what}: {fix}: {error:?}"));
            }
        }
        let after = as_reader(name, &query);
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
        for Reach { name: what, query, .. } in reaches() {
            let outcome = as_reader(name, &query);
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
