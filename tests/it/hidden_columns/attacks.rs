//! Every statement of an attacker on every kind of table, as the role itself and through the server; and the analyst's
//! statements, before and after.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write as _,
    fs,
};

use serde_json::{Value, json};

use super::{
    fleet::{self, Kind, RULES, RULES_TIMESCALEDB, hide, kinds, log},
    shows,
    statements::{Before, Case, Outcome, Session, cases},
};
use crate::support::{
    client::Mcp,
    cluster::{Cluster, Programs},
    server::Server,
};

const DATABASE: &str = "hc_attacks";
const ROLE: &str = "analytics_ro";

/// The kinds that are attacked through the server too, by how they are called here. The guard refuses internal tables by their schema.
const SERVED: &[&str] = &["table", "compressed hypertable"];

/// A case on a kind, and what came of it.
type Ran<'a> = Vec<(&'a Case, &'a Kind, String, Outcome)>;

fn run_all<'a>(session: &mut Session, cases: &'a [Case], kinds: &'a [Kind]) -> Ran<'a> {
    let mut ran = Vec::new();
    for kind in kinds {
        for (case, sql) in cases.iter().filter_map(|case| Some((case, case.on(kind)?))) {
            let outcome = session.run(&sql);
            ran.push((case, kind, sql, outcome));
        }
    }
    ran
}

/// What a role that may read everything gets from the plain table: else an attack could be harmless by mistake.
fn check_before(ran: &Ran<'_>, wrong: &mut String) {
    for (case, kind, sql, outcome) in ran.iter().filter(|(_, kind, ..)| kind.what == "table") {
        let right = match case.before {
            Before::Shows => shows(&outcome.said),
            Before::Tells => outcome.state != "42501" && !outcome.is_senseless(),
            Before::Refused => outcome.state == "42501",
        };
        if !right {
            let _ = writeln!(wrong, "before, {}: {} is no attack: {sql}\n    {outcome:?}", kind.what, case.why());
        }
    }
}

fn check_after(before: &Ran<'_>, after: &Ran<'_>, wrong: &mut String) {
    for ((_, _, _, before), (case, kind, sql, after)) in before.iter().zip(after) {
        let refused = after.state == "42501"
            || (after.is_senseless() && !before.ran())
            || (kind.timescaledb && after.is_unable());
        if shows(&after.said) || !(refused || case.may_run()) {
            let why = case.why();
            let _ = writeln!(
                wrong,
                "{} ({}), {why}: {sql}\n    {after:?}, before: {}",
                kind.what, kind.table, before.state
            );
        }
    }
}

/// The tables, and the role that may read all of them.
fn prepare(cluster: &Cluster) -> (String, Vec<Kind>) {
    let mut rules = RULES.to_owned();
    cluster.sql("postgres", &format!("CREATE DATABASE {DATABASE}"));
    fleet::load(cluster, DATABASE, "kinds.sql");
    if fleet::has_file_fdw(cluster) {
        rules.push_str("tracksolid.foreign_people.phone\n");
        fleet::load(cluster, DATABASE, "foreign.sql");
    }
    if fleet::has_timescaledb(cluster) {
        rules.push_str(RULES_TIMESCALEDB);
        fleet::load(cluster, DATABASE, "timescaledb.sql");
    }
    fleet::apply_role(cluster, DATABASE);
    cluster.sql(DATABASE, "ANALYZE");
    (rules, kinds(cluster, DATABASE))
}

/// What happens to the tables after their columns were hidden.
fn later(cluster: &Cluster) {
    cluster.sql(DATABASE, "ALTER TABLE tracksolid.parted ATTACH PARTITION tracksolid.parted_3 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')");
    if fleet::has_timescaledb(cluster) {
        fleet::load(cluster, DATABASE, "timescaledb_later.sql");
    }
    cluster.sql(DATABASE, "ANALYZE");
}

#[test]
fn no_statement_shows_a_hidden_value() {
    let cluster = fleet::cluster();
    let (rules, before_kinds) = prepare(cluster);
    let timescaledb = fleet::has_timescaledb(cluster);
    let (attacks, legit) = (cases("attacks.jsonl", cluster, timescaledb), cases("legit.jsonl", cluster, timescaledb));
    let readable: Vec<Kind> = before_kinds.iter().filter(|kind| kind.legit).cloned().collect();
    let mut session = Session::open(cluster, ROLE, DATABASE);
    let mut wrong = String::new();

    let legit_before = run_all(&mut session, &legit, &readable);
    let attacks_before = run_all(&mut session, &attacks, &before_kinds);
    check_before(&attacks_before, &mut wrong);

    let logged = log(cluster).len();
    hide(cluster, DATABASE, &rules, "apply");
    check_legit(&legit_before, &run_all(&mut session, &legit, &readable), &mut wrong);
    later(cluster);
    // The same session: nothing depends on a new one.
    let attacks_after = run_all(&mut session, &attacks, &before_kinds);
    check_after(&attacks_before, &attacks_after, &mut wrong);
    // What came later: chunks and compressed ones.
    let new: Vec<Kind> = kinds(cluster, DATABASE)
        .into_iter()
        .filter(|kind| before_kinds.iter().all(|known| known.table != kind.table))
        .collect();
    for (case, kind, sql, outcome) in run_all(&mut session, &attacks, &new) {
        if shows(&outcome.said) || (outcome.ran() && !case.may_run()) {
            let _ = writeln!(wrong, "{} (new), {}: {sql}\n    {outcome:?}", kind.what, case.why());
        }
    }

    wrong.extend(readable_values(cluster, DATABASE).iter().map(|line| line.clone() + "\n"));
    for (case, kind, sql, outcome) in
        run_all(&mut session, &legit, &readable).iter().filter(|(.., outcome)| !outcome.ran())
    {
        let _ = writeln!(wrong, "{}, {} runs no longer: {sql}\n    {outcome:?}", kind.what, case.why());
    }
    let all: Vec<&str> = before_kinds.iter().chain(&new).map(|kind| kind.what.as_str()).collect();
    eprintln!("{} attacks on {} kinds: {}", attacks.len(), all.len(), all.join(", "));
    let server = through_the_server(&rules, &attacks_before, &mut wrong);
    for (where_, text) in [("PostgreSQL", &log(cluster)[logged..]), ("the server's output", &server)] {
        for line in text.lines().filter(|line| shows(line)) {
            let _ = writeln!(wrong, "in the log of {where_}: {line}");
        }
    }
    in_other_versions(&mut wrong);
    assert!(wrong.is_empty(), "{wrong}");
}

fn check_legit(before: &Ran<'_>, after: &Ran<'_>, wrong: &mut String) {
    for ((_, _, _, before), (case, kind, sql, after)) in before.iter().zip(after) {
        if !before.ran() || before != after {
            let why = case.why();
            let _ = writeln!(
                wrong,
                "{}, {why} no longer answers as before: {sql}\n    {before:?}\n    {after:?}",
                kind.what
            );
        }
    }
}

/// The same through the tool `query`, and everything that the other tools say of these tables. Returns what the server wrote.
fn through_the_server(rules: &str, attacks: &Ran<'_>, wrong: &mut String) -> String {
    let dsn = fleet::cluster().dsn(ROLE, DATABASE);
    let file = fleet::cluster().dir().join("hidden_columns");
    fs::write(&file, rules).unwrap();
    let server = Server::start(&[
        ("DATABASE_URL", &dsn),
        ("MCP_READABLE_SCHEMAS", "reporting,tracksolid,fuel"),
        ("MCP_HIDDEN_COLUMNS_FILE", file.to_str().unwrap()),
    ]);
    let client = server.alice();
    let mut codes = BTreeMap::<String, u32>::new();
    // What the guard refuses on one table it refuses on all.
    let mut guarded = HashSet::new();
    for (case, kind, sql, before) in attacks {
        if guarded.contains(case.why()) || !SERVED.iter().any(|one| kind.what.starts_with(one)) {
            continue;
        }
        let answer = client.query(sql);
        let refused = answer.is_error
            && (kind.timescaledb
                || before.is_senseless()
                || answer.code().starts_with("GUARD_")
                || answer.texts.concat().contains("42501"));
        if shows(&answer.texts.concat()) || !(refused || case.may_run()) {
            let _ = writeln!(wrong, "server, {}, {}: {sql}\n    {:?}", kind.what, case.why(), answer.texts);
        }
        if kind.what == "table" && answer.code().starts_with("GUARD_") {
            guarded.insert(case.why());
        }
        *codes.entry(if answer.is_error { answer.code() } else { "ran".to_owned() }).or_default() += 1;
    }
    eprintln!("through the server: {codes:?}");
    other_tools(&server.bob(), attacks.iter().map(|(_, kind, ..)| *kind), wrong);
    server.stdout() + &server.stderr()
}

/// What the other tools say of the tables. They must still say something.
fn other_tools<'a>(client: &Mcp, kinds: impl Iterator<Item = &'a Kind>, wrong: &mut String) {
    let tables: BTreeSet<(&str, &str)> =
        kinds.filter(|kind| kind.legit).filter_map(|kind| kind.table.split_once('.')).collect();
    let mut calls: Vec<(&str, Value)> = vec![("list_schemas", json!({})), ("search", json!({ "words": "phone" }))];
    for schema in ["tracksolid", "reporting", "fuel"] {
        calls.push(("list_tables", json!({ "schema": schema })));
        calls.push(("list_functions", json!({ "schema": schema })));
    }
    for (schema, table) in tables.into_iter().filter(|(schema, _)| !schema.starts_with('"')) {
        calls.push(("describe_table", json!({ "schema": schema, "table": table })));
        calls.push(("sample_table", json!({ "schema": schema, "table": table })));
    }
    for (tool, arguments) in calls {
        let answer = client.call(tool, arguments.clone());
        if answer.is_error || shows(&answer.texts.concat()) {
            let _ = writeln!(wrong, "{tool} {arguments}: {:?}", answer.texts);
        }
    }
}

/// The same in the other versions of PostgreSQL, without TimescaleDB and the server.
fn in_other_versions(wrong: &mut String) {
    for bin in fleet::other_versions() {
        let cluster = fleet::prepared(Cluster::with(&Programs::of(&bin), None));
        let (rules, kinds) = prepare(&cluster);
        let attacks = cases("attacks.jsonl", &cluster, false);
        let mut session = Session::open(&cluster, ROLE, DATABASE);
        let before = run_all(&mut session, &attacks, &kinds);
        let mut found = String::new();
        check_before(&before, &mut found);
        hide(&cluster, DATABASE, &rules, "apply");
        later(&cluster);
        check_after(&before, &run_all(&mut session, &attacks, &kinds), &mut found);
        found.extend(readable_values(&cluster, DATABASE));
        if !found.is_empty() {
            let _ = writeln!(wrong, "{}:\n{found}", bin.display());
        }
    }
}

/// What the role may read of any relation: its name, and the columns.
const READABLE: &str = "
    SELECT c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_column_privilege(c.oid, a.attnum, 'SELECT') AND has_schema_privilege(c.relnamespace, 'USAGE')
    GROUP BY c.oid ORDER BY c.oid";

/// Reads every column that the role may read, the system's catalogs and TimescaleDB's internal tables included. Returns what shows a
/// hidden value.
pub(super) fn readable_values(cluster: &Cluster, database: &str) -> Vec<String> {
    let relations = cluster.client(ROLE, database).query(READABLE, &[]).unwrap();
    let mut session = Session::open(cluster, ROLE, database);
    let mut ran = 0;
    let mut found = Vec::new();
    for relation in &relations {
        let (name, columns): (String, String) = (relation.get(0), relation.get(1));
        let sql = format!("SELECT {columns} FROM {name}");
        let outcome = session.run(&sql);
        ran += usize::from(outcome.ran());
        // What somebody wrote into a definition is no value of the column.
        if shows(&outcome.said) && !["pg_proc", "pg_views", "pg_rewrite"].contains(&name.as_str()) {
            found.push(format!("readable in {database}: {sql}"));
        }
    }
    assert!(ran > 100, "of {} relations only {ran} could be read", relations.len());
    found
}
