//! The cluster, its databases, the script, and the tables of each kind.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, OnceLock, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use serde_json::Value;

use super::statements::{Outcome, Session};
use crate::{
    support::cluster::{Cluster, PASSWORD, Programs},
    sweep::catalog,
};

const DATA: &str = "tests/data/hidden_columns";
/// The schemas of these tests.
pub(super) const SCHEMAS: &str = r#"reporting,tracksolid,tickets,fuel,odd "Schema"#;

/// One cluster for all these tests; each has a database of its own.
pub(super) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| prepared(Cluster::new()))
}

/// With TimescaleDB where there is one, and an owner of tables who is no superuser.
pub(super) fn prepared(cluster: Cluster) -> Cluster {
    catalog::configure(&cluster);
    cluster.sql("postgres", "CREATE ROLE tracksolid_owner LOGIN; CREATE ROLE hc_other LOGIN");
    cluster
}

/// Whether this cluster has TimescaleDB.
pub(super) fn has_timescaledb(cluster: &Cluster) -> bool {
    cluster.count("postgres", "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'") > 0
}

/// A file of `tests/data/hidden_columns`.
pub(super) fn data(name: &str) -> String {
    let path = root().join(DATA).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs one as superuser.
#[track_caller]
pub(super) fn load(cluster: &Cluster, database: &str, name: &str) {
    let said = script(cluster, database, &format!("{DATA}/{name}"), &[("ON_ERROR_STOP", "1")]);
    assert!(said.ok, "{name}: {}", said.text);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How a run of psql ended, and everything it said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) text: String,
}

/// Runs a file with psql as superuser. One at a time: two that change the same role get into each other's way.
fn script(cluster: &Cluster, database: &str, file: &str, variables: &[(&str, &str)]) -> Said {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(Programs::get().bin.join("psql"));
    command.args(["-X", "-q", "-d", &cluster.dsn("postgres", database)]);
    for (name, value) in variables {
        command.args(["-v", &format!("{name}={value}")]);
    }
    let Output { status, stdout, stderr } = command.arg("-f").arg(root().join(file)).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Said { ok: status.success(), text }
}

/// Applies the role script. Nothing is taken from PUBLIC, so that the columns are protected by their privileges alone.
#[track_caller]
pub(super) fn apply_role(cluster: &Cluster, database: &str) {
    let variables = [("ro_pw", PASSWORD), ("touch_public", "off"), ("connections", "100"), ("schemas", SCHEMAS)];
    let said = script(cluster, database, "scripts/analytics_ro_role.sql", &variables);
    assert!(said.ok, "{}", said.text);
}

/// Runs `hide_columns.sql` with these lines, in one of its ways: "dry run", "apply" or "apply strict"; "as before" leaves strict to what it was.
pub(super) fn run_hide(cluster: &Cluster, database: &str, lines: &str, how: &str) -> Said {
    // With a line end, as hide_columns.sh sends it: nothing at all would be taken for a missing file.
    let rules = STANDARD.encode(format!("{lines}\n"));
    let [apply, strict] = ["apply", "strict"].map(|word| if how.contains(word) { "on" } else { "off" });
    let variables = [("rules", rules.as_str()), ("apply", apply), ("strict", strict)];
    let given = if how.contains("as before") { 2 } else { 3 };
    script(cluster, database, "scripts/hide_columns.sql", &variables[..given])
}

/// The same; it must succeed.
#[track_caller]
pub(super) fn hide(cluster: &Cluster, database: &str, lines: &str, how: &str) -> String {
    let said = run_hide(cluster, database, lines, how);
    assert!(said.ok, "{how}: {lines}\n{}", said.text);
    said.text
}

/// The schemas of these tests, which an owner without superuser may use.
const SCHEMA_OBJECTS: &str = "
    CREATE SCHEMA reporting; CREATE SCHEMA tracksolid; CREATE SCHEMA tickets; CREATE SCHEMA fuel;
    GRANT CREATE, USAGE ON SCHEMA reporting, tracksolid, fuel TO tracksolid_owner;
    GRANT USAGE ON SCHEMA reporting, tracksolid, fuel TO hc_other;
";

/// A new database with these objects, and the role that may read them.
pub(super) fn database(name: &str, objects: &str) {
    let cluster = cluster();
    cluster.sql("postgres", &format!("CREATE DATABASE {name}"));
    cluster.sql(name, SCHEMA_OBJECTS);
    cluster.sql(name, objects);
    apply_role(cluster, name);
}

/// A hypertable with a chunk that is compressed by the hidden column, and a continuous aggregate that shows it.
pub(super) fn add_hypertable(name: &str) {
    for sql in [
        "CREATE EXTENSION timescaledb",
        "CREATE TABLE tracksolid.hyper (ts timestamptz NOT NULL, id int, phone text)",
        "SELECT create_hypertable('tracksolid.hyper', 'ts', chunk_time_interval => interval '1 day')",
        "INSERT INTO tracksolid.hyper VALUES ('2026-01-01', 1, 'Zq7'), ('2026-01-02', 1, 'Zq7')",
        "ALTER TABLE tracksolid.hyper SET (timescaledb.compress, timescaledb.compress_segmentby = 'phone')",
        "SELECT compress_chunk(c) FROM show_chunks('tracksolid.hyper') AS c LIMIT 1",
        "CREATE MATERIALIZED VIEW reporting.daily WITH (timescaledb.continuous)
         AS SELECT time_bucket('1 day', ts) AS ts, max(phone) AS phone FROM tracksolid.hyper GROUP BY 1 WITH DATA",
    ] {
        cluster().sql(name, sql);
    }
    apply_role(cluster(), name);
}

/// What the role gets from a statement in that database.
pub(super) fn as_reader(database: &str, sql: &str) -> Outcome {
    Session::open(cluster(), "analytics_ro", database).run(sql)
}

/// The role is refused.
#[track_caller]
pub(super) fn refused(database: &str, sql: &str) {
    let outcome = as_reader(database, sql);
    assert!(outcome.state == "42501", "{sql}: {outcome:?}");
}

/// The role gets this.
#[track_caller]
pub(super) fn gets(database: &str, sql: &str, expected: &str) {
    let outcome = as_reader(database, sql);
    assert!(outcome.ran() && outcome.said.trim_end() == expected, "{sql}: {outcome:?}");
}

/// Every privilege in a database, every schema, event trigger and object of its own.
pub(super) fn everything(database: &str) -> String {
    cluster().text(database, EVERYTHING)
}

const EVERYTHING: &str = "
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT format('relation %s %s: %s', c.oid::regclass, c.relkind, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(c.relacl) AS x)) AS line
        FROM pg_class c WHERE c.oid >= 16384 AND c.relnamespace::regnamespace::text !~ '^pg_(toast|temp)'
        UNION ALL SELECT format('column %s.%s: %s', attrelid::regclass, attname, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(attacl) AS x))
        FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0 AND cardinality(attacl) > 0
        UNION ALL SELECT format('schema %s: %s', nspname, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(nspacl) AS x)) FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
        UNION ALL SELECT format('function %s: %s', oid::regprocedure, (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(proacl) AS x)) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT format('event trigger %s', evtname) FROM pg_event_trigger
        UNION ALL SELECT format('default %s', d::text) FROM pg_default_acl d) AS t";

/// What the server finds, as it finds it: as the role. Objects of two kinds, see the statement.
pub(super) fn look(database: &str) -> Vec<Value> {
    let rules = cluster().text(database, "SELECT rules FROM hidden_columns.list");
    look_for(database, &rules)
}

/// The same with a list of one's own.
pub(super) fn look_for(database: &str, rules: &str) -> Vec<Value> {
    let sql = fs::read_to_string(root().join("src/role_check/hidden_columns.sql")).unwrap();
    let rows = cluster().client("analytics_ro", database).query(&sql, &[&rules, &""]).unwrap();
    rows.iter().map(|row| serde_json::from_str(row.get::<_, &str>(0)).unwrap()).collect()
}

/// A table to attack. All names as they are written in a statement.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) what: String,
    pub(super) table: String,
    /// The name without its schema.
    pub(super) name: String,
    pub(super) open: String,
    pub(super) hidden: String,
    /// Where its long values are kept.
    pub(super) toast: String,
    /// Whether the statements of an analyst ran here before the column was hidden.
    pub(super) legit: bool,
    pub(super) timescaledb: bool,
}

/// Whether a foreign table can be made of a program's output.
pub(super) fn has_file_fdw(cluster: &Cluster) -> bool {
    cluster.count("postgres", "SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'") > 0
}

/// What is to be hidden in the tables of each kind.
pub(super) const RULES: &str = r#"
# one line for each table; what hangs on a table follows it
tracksolid.plain.phone      # personal: ask the fleet office
tracksolid.parted.phone
tracksolid.parent.phone
tracksolid.behind.phone
"odd ""Schema"."a.b %s\"."c#d ""e"   # names that have to be quoted
reporting.people.phone
reporting.people_kept.phone
"#;

/// The same where TimescaleDB is.
pub(super) const RULES_TIMESCALEDB: &str = "
tracksolid.hyper.phone
tracksolid.packed.phone
tracksolid.packed_by_phone.phone
tracksolid.packed_in_order.phone
tracksolid.packed_later.phone
reporting.per_month.phone
";

const PLAIN: &[(&str, &str)] = &[
    ("table", "tracksolid.plain"),
    ("partitioned table", "tracksolid.parted"),
    ("partition", "tracksolid.parted_1"),
    ("partitioned partition", "tracksolid.parted_2"),
    ("partition of a partition", "tracksolid.parted_2b"),
    ("partition that came later", "tracksolid.parted_3"),
    ("parent", "tracksolid.parent"),
    ("child", "tracksolid.child"),
    ("view", "reporting.people"),
    ("materialised view", "reporting.people_kept"),
];

const TIMESCALEDB: &[(&str, &str)] = &[
    ("hypertable", "tracksolid.hyper"),
    ("compressed hypertable", "tracksolid.packed"),
    ("hypertable compressed by the column", "tracksolid.packed_by_phone"),
    ("hypertable compressed in the order of the column", "tracksolid.packed_in_order"),
    ("hypertable compressed later by the column", "tracksolid.packed_later"),
    ("continuous aggregate", "reporting.per_month"),
];

/// What belongs to hypertables and continuous aggregates in the internal schemas and has the column: of their chunks the first and the last.
const INTERNAL: &str = "
    WITH found AS (
        SELECT c.oid, c.relname::text, substring(c.relname FROM '^(.*_)\\d+_chunk$') AS of FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace::regnamespace::text LIKE '\\_timescaledb%' AND a.attname = 'phone' AND c.relkind IN ('r', 'v', 'm', 'p'))
    SELECT relname, oid::regclass::text FROM found
    WHERE of IS NULL OR oid IN (SELECT min(oid) FROM found GROUP BY of UNION SELECT max(oid) FROM found GROUP BY of) ORDER BY oid";

/// The kinds that are there.
pub(super) fn kinds(cluster: &Cluster, database: &str) -> Vec<Kind> {
    let mut admin = cluster.admin(database);
    let mut found: Vec<(String, String, bool)> =
        PLAIN.iter().map(|(what, table)| ((*what).to_owned(), (*table).to_owned(), true)).collect();
    if has_file_fdw(cluster) {
        found.push(("foreign table".to_owned(), "tracksolid.foreign_people".to_owned(), true));
    }
    if has_timescaledb(cluster) {
        found.extend(TIMESCALEDB.iter().map(|(what, table)| ((*what).to_owned(), (*table).to_owned(), true)));
        let internal = admin.query(INTERNAL, &[]).unwrap();
        found.extend(internal.iter().map(|row| (row.get(0), row.get(1), false)));
    }
    let named = found.into_iter().map(|(what, table, legit)| {
        let name = table.rsplit('.').next().unwrap().to_owned();
        (what, table, name, "depot".to_owned(), "phone".to_owned(), legit)
    });
    let odd = [r#""odd ""Schema"."a.b %s\""#, r#""a.b %s\""#, r#""de'pot.""#, r#""c#d ""e""#].map(str::to_owned);
    let [table, name, open, hidden] = odd;
    let mut all: Vec<_> = named.collect();
    all.insert(1, ("table with odd names".to_owned(), table, name, open, hidden, true));
    all.into_iter()
        .map(|(what, table, name, open, hidden, legit)| {
            let sql = "SELECT coalesce(nullif(reltoastrelid, 0)::regclass::text, 'pg_toast.none') FROM pg_class WHERE oid = to_regclass($1)";
            let toast = admin.query_one(sql, &[&table]).unwrap().get(0);
            Kind { timescaledb: !legit || what.contains("compressed"), what, table, name, open, hidden, toast, legit }
        })
        .collect()
}

/// Other versions of PostgreSQL, as `versions.rs` has them.
pub(super) fn other_versions() -> Vec<PathBuf> {
    env::var_os("MCP_TEST_PG_BINS")
        .map(|list| env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default()
}

/// What PostgreSQL has written into its log so far.
pub(super) fn log(cluster: &Cluster) -> String {
    String::from_utf8_lossy(&fs::read(cluster.dir().join("log")).unwrap()).into_owned()
}
