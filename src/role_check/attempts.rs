//! What `check` tries as the role: reading what it is for, and what must be refused. Everything is rolled back.

use std::{sync::Arc, time::Instant};

use serde::Serialize;

use crate::{
    catalog,
    db::{Caller, Cancel, Database, Flow, Row},
    error::{Code, Failure},
    hidden_columns::{HiddenColumn, HiddenColumns},
    statement::Statement,
};

/// How an attempt ended.
#[derive(Debug, Serialize)]
pub struct Point {
    /// Its name.
    pub point: &'static str,
    /// Whether it ended as it should.
    pub ok: bool,
    /// What there is to say about a good end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of a bad end: how it should have ended, how it did, and what to do.
    #[serde(flatten)]
    pub wrong: Option<Wrong>,
}

/// A bad end.
#[derive(Debug, Serialize)]
pub struct Wrong {
    /// How it should have ended.
    pub expected: String,
    /// How it did.
    pub saw: String,
    /// What to do.
    pub fix: String,
}

const READ: Statement = Statement::own("SELECT count(*) FROM reporting.v_daily_summary");
/// So that only the lack of a privilege is left to stop the role.
const READ_WRITE: Statement = Statement::own("SET TRANSACTION READ WRITE");
/// Not number 1, which somebody may use. Should the lock be granted, it ends with the session's clean-up.
const LOCK: Statement = Statement::own("SELECT pg_catalog.pg_advisory_lock(7305127660419521)");
const LOCKS_LEFT: Statement = Statement::own(
    "SELECT count(*) FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
     WHERE l.locktype = 'advisory' AND a.usename = current_user",
);
/// The role's own settings, for whatever else logs in as it: sessions of this program bring theirs. Times in seconds; those for this
/// database first, since they prevail.
const LIMITS: Statement = Statement::own(
    "SELECT name || '=' || CASE WHEN name <> 'statement_timeout' THEN value WHEN value ~ '^[0-9]+$' THEN (value::numeric / 1000)::float8::text \
     ELSE extract(epoch FROM value::interval)::float8::text END FROM pg_catalog.pg_db_role_setting x, unnest(x.setconfig) AS line, \
     LATERAL (SELECT split_part(line, '=', 1) AS name, split_part(line, '=', 2) AS value) AS s \
     WHERE x.setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) \
     AND x.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) \
     AND name IN ('default_transaction_read_only', 'statement_timeout') ORDER BY x.setdatabase DESC",
);
/// The longest limit that still protects the database, in seconds.
const LONGEST: f64 = 300.0;
/// The schemas beyond `$1` in which the role can read something, but for the tables of extensions, TimescaleDB's inner schemas and
/// the catalogue of meaning.
const OTHERS: Statement = Statement::own(
    "SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname NOT IN (SELECT json_array_elements_text($1::text::json)) \
     AND n.nspname NOT IN ('analytics_meta', 'pg_catalog', 'information_schema', 'pg_toast') \
     AND NOT (n.nspname = 'masked' AND EXISTS (SELECT FROM pg_catalog.pg_namespace h WHERE h.nspname = 'hidden_columns')) \
     AND n.nspname !~ '^(_timescaledb|timescaledb|pg_temp_|pg_toast_temp_)' AND has_schema_privilege(n.oid, 'USAGE') \
     AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
     AND has_any_column_privilege(c.oid, 'SELECT') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')) ORDER BY 1",
);
/// A table that no analyst is to read.
const INFRASTRUCTURE: Statement = Statement::own(
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = 'infrastructure' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1",
);

/// The most columns that are tried.
const MOST_COLUMNS: usize = 500;
const APPLY: &str = "apply scripts/analytics_ro_role.sql to this database (scripts/bootstrap_analytics_ro.sh)";
/// `insufficient_privilege`.
const DENIED: &str = "42501";
/// `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";
/// `invalid_schema_name`.
const NO_SCHEMA: &str = "3F000";

/// Tries everything. `schemas` are those that are meant to be readable, `hidden` the columns that are not, where a file lists them.
///
/// # Errors
/// The database does not answer.
pub fn attempt(database: &Database, schemas: &[String], hidden: Option<&HiddenColumns>) -> Result<Vec<Point>, Failure> {
    Ok(vec![
        read(database)?,
        create(database, schemas)?,
        hidden_schemas(database, schemas)?,
        hidden_columns(database, hidden)?,
        lock(database)?,
        locks_left(database)?,
        limits(database)?,
    ])
}

/// The role can read what analysts ask about most.
fn read(database: &Database) -> Result<Point, Failure> {
    Ok(match run(database, &[], &READ, &[])? {
        Ok(rows) => good("db-read", format!("{} rows in reporting.v_daily_summary", rows.concat())),
        Err(failure) => bad("db-read", "a count of reporting.v_daily_summary", seen(&failure), APPLY),
    })
}

/// It cannot create a table: neither in a transaction as its sessions begin, nor in one that may write.
fn create(database: &Database, schemas: &[String]) -> Result<Point, Failure> {
    const EXPECTED: &str = "CREATE TABLE refused for lack of the privilege (42501), read-only or not";
    const FIX: &str =
        "REVOKE CREATE ON SCHEMA … FROM PUBLIC, analytics_ro, or apply scripts/analytics_ro_role.sql again";
    for schema in schemas.iter().map(String::as_str).chain(["public"]) {
        for begin in [None, Some(&READ_WRITE)] {
            let ended = run(database, begin.as_slice(), &Statement::creation_in(schema), &[])?;
            let code = ended.as_ref().err().and_then(|failure| failure.sqlstate.as_deref());
            let refused =
                code == Some(DENIED) || code == Some(NO_SCHEMA) || (begin.is_none() && code == Some(READ_ONLY));
            if !refused {
                let made = |_| format!("a table created in {schema}, and rolled back");
                return Ok(bad("db-create", EXPECTED, ended.map_or_else(|failure| seen(&failure), made), FIX));
            }
        }
    }
    Ok(good("db-create", "permission denied (42501), read-only or not".to_owned()))
}

/// It reads no other schema.
fn hidden_schemas(database: &Database, schemas: &[String]) -> Result<Point, Failure> {
    const NAME: &str = "db-hidden-schemas";
    const FIX: &str = "REVOKE ALL ON SCHEMA … and ON ALL TABLES IN SCHEMA … FROM PUBLIC, analytics_ro; or name the schema in \
                       MCP_READABLE_SCHEMAS, if it is meant to be read";
    let expected = format!("nothing readable beyond {}", schemas.join(", "));
    let others = run(database, &[&catalog::OWN_NAMES], &OTHERS, &[&catalog::parameter(schemas)])??;
    if !others.is_empty() {
        return Ok(bad(NAME, &expected, format!("readable too: {}", others.join(", ")), FIX));
    }
    let tables = run(database, &[&catalog::OWN_NAMES], &INFRASTRUCTURE, &[])??;
    let Some(table) = tables.first() else {
        return Ok(good(NAME, "there is no table in a schema infrastructure to try".to_owned()));
    };
    let name = format!("infrastructure.{table}");
    Ok(match run(database, &[], &Statement::glance("infrastructure", table), &[])? {
        Err(failure) if failure.sqlstate.as_deref() == Some(DENIED) => good(NAME, format!("tried {name}")),
        Err(failure) => bad(NAME, &format!("42501 for {name}"), seen(&failure), FIX),
        Ok(_) => bad(NAME, &format!("42501 for {name}"), "a row of it, or none".to_owned(), FIX),
    })
}

/// It reads no listed column.
fn hidden_columns(database: &Database, hidden: Option<&HiddenColumns>) -> Result<Point, Failure> {
    const NAME: &str = "db-hidden-columns";
    let Some(HiddenColumns(hidden)) = hidden else {
        return Ok(good(NAME, "MCP_HIDDEN_COLUMNS_FILE is not set".to_owned()));
    };
    for HiddenColumn { schema, table, column, .. } in hidden.iter().take(MOST_COLUMNS) {
        let saw = match run(database, &[], &Statement::glance_at_column(schema, table, column), &[])? {
            Err(failure) if failure.sqlstate.as_deref() == Some(DENIED) => continue,
            Err(failure) => seen(&failure),
            Ok(_) => "no error".to_owned(),
        };
        let fix = "on the host of the database: bash hide_columns.sh --apply, and read what it reports";
        return Ok(bad(NAME, &format!("42501 for {schema}.{table}.{column}"), saw, fix));
    }
    let (tried, all) = (hidden.len().min(MOST_COLUMNS), hidden.len());
    let of = if tried < all { format!(" of {all}") } else { String::new() };
    Ok(good(NAME, format!("tried {tried}{of} hidden columns: permission denied (42501)")))
}

/// It cannot take an advisory lock.
fn lock(database: &Database) -> Result<Point, Failure> {
    let expected = "42501 for pg_advisory_lock";
    let fix = "apply scripts/analytics_ro_role.sql without touch_public=off and keep_public; until then the guard alone stops it";
    Ok(match run(database, &[], &LOCK, &[])? {
        Err(failure) if failure.sqlstate.as_deref() == Some(DENIED) => good("db-lock", "refused (42501)".to_owned()),
        Err(failure) => bad("db-lock", expected, seen(&failure), fix),
        Ok(_) => bad("db-lock", expected, "the lock, granted".to_owned(), fix),
    })
}

/// Nobody holds one in its name.
fn locks_left(database: &Database) -> Result<Point, Failure> {
    let count = run(database, &[&catalog::OWN_NAMES], &LOCKS_LEFT, &[])??.concat();
    let fix = "restart the server, which ends its sessions and their locks; then see db-lock";
    Ok(match count.as_str() {
        "0" => good("db-locks-left", "none held by the role".to_owned()),
        _ => bad("db-locks-left", "no advisory lock held by the role", count, fix),
    })
}

/// Its sessions begin read-only and with a limit, whoever opens them.
fn limits(database: &Database) -> Result<Point, Failure> {
    let settings = run(database, &[&catalog::OWN_NAMES], &LIMITS, &[])??;
    let value = |name: &str| settings.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let limit = value("statement_timeout").and_then(|limit| limit.parse::<f64>().ok());
    let limit = limit.filter(|seconds| (1.0..=LONGEST).contains(seconds));
    Ok(match (value("default_transaction_read_only"), limit) {
        (Some("on" | "true" | "yes" | "1"), Some(limit)) => {
            good("db-limits", format!("read-only, {limit} s a statement"))
        }
        _ => {
            let expected =
                "a role with default_transaction_read_only = on and a statement_timeout of 1 to 300 s of its own";
            let saw = if settings.is_empty() { "neither".to_owned() } else { settings.join(", ") };
            bad("db-limits", expected, saw, "apply scripts/analytics_ro_role.sql again, which sets both for the role")
        }
    })
}

/// The first column of what a statement answers, after others in its transaction. Out: that, or the error by which PostgreSQL
/// refused it.
///
/// # Errors
/// The database does not answer.
fn run(
    database: &Database,
    begin: &[&Statement],
    statement: &Statement,
    params: &[&str],
) -> Result<Result<Vec<String>, Failure>, Failure> {
    let ended = database.read(&Caller::Server("check"), &Arc::<Cancel>::default(), Instant::now(), |mut reading| {
        for first in begin {
            reading.run(first, &[], (), |(), _| Flow::More)?;
        }
        reading.run_last(statement, params, Vec::new(), |values, row| {
            if let Row::Values([first, ..]) = row {
                values.push(first.unwrap_or_default().to_owned());
            }
            Flow::More
        })
    });
    match ended {
        Err(failure) if failure.code != Code::Unavailable => Ok(Err(failure)),
        Err(failure) => Err(failure),
        Ok(values) => Ok(Ok(values)),
    }
}

fn good(point: &'static str, note: String) -> Point {
    Point { point, ok: true, note: Some(note), wrong: None }
}

fn bad(point: &'static str, expected: &str, saw: String, fix: &str) -> Point {
    let wrong = Wrong { expected: expected.to_owned(), saw, fix: fix.to_owned() };
    Point { point, ok: false, note: None, wrong: Some(wrong) }
}

fn seen(failure: &Failure) -> String {
    match &failure.sqlstate {
        Some(code) => format!("{} ({code})", failure.message),
        None => failure.message.clone(),
    }
}
