//! Every layer alone: what each stops by itself, with the others off.
//!
//! | Layer | The others off | It stops | It does not stop |
//! |---|---|---|---|
//! | Grants of `analytics_ro` | a plain client, READ WRITE, no guard, no wrapper | every write, CREATE and TEMP, locks on tables, files, programs, other schemas, other roles, advisory locks, `set_config`, `pg_sleep`, ending other sessions | long and large queries; `NOTIFY`, `LISTEN`, `SET` of its own settings |
//! | READ ONLY transaction and limits | a role that may write, no guard, no wrapper | every write to a table or sequence, CREATE and GRANT, row locks, going back to READ WRITE; statements over the time limit; waits for locks | `LOCK TABLE`, advisory locks, `NOTIFY`, `LISTEN`, settings of the session, files for a role that may |
//! | Rollback and clean-up | a role that may write, READ WRITE | that anything of the above stays: rows, tables, settings, locks | effects outside the transaction: sequences, WAL messages, files |
//! | Wrapper and extended protocol | a role that may write, READ WRITE, no guard | data-modifying `WITH`, `SELECT INTO`, utility statements, several statements, breaking out of the parentheses | functions that write |
//! | Guard | (see `guard.rs`: pure, no database) | the above by text, and the functions and relations that it lists | functions of this database under names of their own |

use std::time::Duration;

use analytics_mcp::{
    guard,
    statement::{Column, Format, Kind, Statement},
};
use postgres::Client;

use crate::support::{
    cluster::{Cluster, HELPERS},
    library::{known, one_session, pool, sqlstate, text},
};

/// The SQLSTATE with which a script fails, or `ran`.
fn state(client: &mut Client, sql: &str) -> String {
    match client.batch_execute(sql) {
        Ok(()) => "ran".to_owned(),
        Err(error) => error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned()),
    }
}

/// The target table is as it was made.
#[track_caller]
fn untouched(after: &str) {
    let count = Cluster::shared().count(HELPERS, "SELECT count(*) FROM it.target WHERE note = 'untouched'");
    let all = Cluster::shared().count(HELPERS, "SELECT count(*) FROM it.target");
    assert_eq!((count, all), (10, 10), "changed by {after}");
}

#[test]
fn the_grants_alone() {
    let cluster = Cluster::shared();
    let mut client = cluster.client("analytics_ro", HELPERS);
    // The seat belts are off: the role may take them off itself.
    client.batch_execute("SET default_transaction_read_only = off; SET statement_timeout = 0").unwrap();
    for (sql, expected) in [
        ("INSERT INTO it.target VALUES (99, 'x')", "42501"),
        ("UPDATE it.target SET note = 'x'", "42501"),
        ("DELETE FROM it.target", "42501"),
        ("TRUNCATE it.target", "42501"),
        ("MERGE INTO it.target t USING (VALUES (1)) v(id) ON t.id = v.id WHEN MATCHED THEN DELETE", "42501"),
        ("WITH x AS (DELETE FROM it.target RETURNING *) SELECT * FROM x", "42501"),
        ("UPDATE tickets.inc SET comment = 'x'", "42501"),
        ("INSERT INTO reporting.refresh_log (notes) VALUES ('x')", "42501"),
        ("DELETE FROM reporting.v_daily_summary", "55000|42501"),
        ("REFRESH MATERIALIZED VIEW reporting.v_trips", "42501"),
        ("SELECT * FROM it.target FOR UPDATE", "42501"),
        ("BEGIN; LOCK TABLE it.target IN ACCESS EXCLUSIVE MODE", "42501"),
        ("CREATE TABLE it.mine (n int)", "42501"),
        ("CREATE TABLE public.mine (n int)", "42501"),
        ("CREATE TABLE reporting.mine (n int)", "42501"),
        ("CREATE TEMPORARY TABLE mine (n int)", "42501"),
        ("SELECT 1 INTO TEMPORARY mine", "42501"),
        ("CREATE SCHEMA mine", "42501"),
        ("CREATE EXTENSION dblink", "42501|0A000|58P01"),
        ("CREATE FUNCTION it.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "42501"),
        ("CREATE ROLE mine", "42501"),
        ("ALTER ROLE analytics_ro SUPERUSER", "42501"),
        ("ALTER SYSTEM SET work_mem = '1GB'", "42501"),
        ("GRANT SELECT ON it.target TO PUBLIC", "42501|ran"), // a warning: there is nothing that it could grant
        ("SET ROLE it_writer", "42501"),
        ("SET SESSION AUTHORIZATION it_super", "42501"),
        ("SET temp_file_limit = -1", "42501"),
        ("COPY it.target TO PROGRAM 'cat'", "42501"),
        ("COPY it.target TO '/tmp/x'", "42501"),
        ("COPY it.target FROM '/etc/passwd'", "42501"),
        ("SELECT pg_read_file('/etc/passwd')", "42501"),
        ("SELECT lo_create(1)", "42501"),
        ("SELECT pg_sleep(0)", "42501"),
        ("SELECT pg_advisory_lock(1)", "42501"),
        ("SELECT pg_try_advisory_lock(g) FROM generate_series(1, 100000) g", "42501"),
        ("SELECT set_config('statement_timeout', '0', false)", "42501"),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "42501"),
        ("SELECT pg_notify('a', 'b')", "42501"),
        ("SELECT query_to_xml('DELETE FROM it.target', true, true, '')", "42501"),
        ("SELECT txid_current()", "42501"),
        // PostGIS tells by the planner's statistics where the geometries of a table are, past the grants
        ("SELECT ST_EstimatedExtent('infrastructure', 'sites', 'geom')", "42501"),
        ("SELECT ST_EstimatedExtent('tracksolid', 'positions', 'geom', true)", "42501"),
        ("SELECT _postgis_stats('tracksolid.positions', 'geom')", "42501"),
        ("SELECT _postgis_selectivity('tracksolid.positions', 'geom', 'POINT(0 0)')", "42501"),
        ("SELECT _postgis_index_extent('tracksolid.positions', 'geom')", "42501"),
        ("SELECT * FROM infrastructure.secrets", "42501"),
        ("SELECT infrastructure.fn_secret('billing_db')", "42501"),
        ("SELECT * FROM pg_authid", "42501"),
        ("SELECT count(*) FROM tickets.inc", "ran"),
        ("SELECT * FROM reporting.fn_fleet_day()", "ran"),
    ] {
        let found = state(&mut client, sql);
        assert!(expected.split('|').any(|one| one == found), "{sql}: {found}, expected {expected}");
        client.batch_execute("ROLLBACK").unwrap();
    }
    untouched("analytics_ro");
}

#[test]
fn the_read_only_transaction_and_the_limits_alone() {
    let cluster = Cluster::shared();
    let database = pool(&cluster.dsn("it_writer", HELPERS), &[("MCP_STATEMENT_TIMEOUT", "1s")]);
    // The role could do all of this; the text comes past guard and wrapper.
    for statement in [
        "INSERT INTO it.target VALUES (99, 'x')",
        "UPDATE it.target SET note = 'x'",
        "DELETE FROM it.target",
        "TRUNCATE it.target",
        "CREATE TABLE it.mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE SCHEMA mine",
        "SELECT * FROM it.target FOR UPDATE",
        "SELECT nextval('it.numbers')",
        "GRANT SELECT ON it.target TO PUBLIC",
        "ALTER ROLE it_writer SET work_mem = '1GB'",
    ] {
        let outcome = text(&database, &format!("it.run($s${statement}$s$)"));
        assert_eq!(sqlstate(&outcome), "25006", "{statement}: {outcome:?}");
    }
    let cte =
        crate::support::library::rows(&database, "WITH x AS (DELETE FROM it.target RETURNING note) SELECT note FROM x");
    assert_eq!(sqlstate(&cte.map(|rows| rows.concat())), "25006");
    for way_back in ["SET TRANSACTION READ WRITE", "SET transaction_read_only = off"] {
        let outcome = text(&database, &format!("it.run($s${way_back}$s$) || it.run('DELETE FROM it.target')"));
        assert_eq!(sqlstate(&outcome), "25001", "{way_back}: {outcome:?}");
    }
    assert_eq!(sqlstate(&text(&database, "it.nap(50)")), "57014", "the time limit");
    // A migration that holds the table: the query does not queue behind it for ever.
    let patient = pool(&cluster.dsn("it_writer", HELPERS), &[]);
    let mut holder = cluster.admin(HELPERS);
    holder.batch_execute("CREATE TABLE it.locked (n int); GRANT SELECT ON it.locked TO it_writer").unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE it.locked IN ACCESS EXCLUSIVE MODE").unwrap();
    assert_eq!(sqlstate(&text(&patient, "(SELECT count(*) FROM it.locked)")), "55P03", "the lock limit");
    holder.batch_execute("ROLLBACK; DROP TABLE it.locked").unwrap();
    untouched("it_writer, read only");
}

#[test]
fn the_rollback_alone() {
    let cluster = Cluster::shared();
    let mut client = cluster.client("it_writer", HELPERS);
    // As the server ends each call (db/session.rs), after what it does not allow: a transaction that writes.
    let end = "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()";
    client
        .batch_execute(
            "START TRANSACTION READ WRITE; DELETE FROM it.target WHERE id > 5; UPDATE it.target SET note = 'x';
             CREATE TABLE it.mine (n int); CREATE TEMPORARY TABLE mine (n int); NOTIFY evil; LISTEN evil;
             SELECT set_config('search_path', 'evil', false); SELECT pg_advisory_lock(g) FROM generate_series(1, 100) g",
        )
        .unwrap();
    let mine = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    assert_eq!(client.query_one(mine, &[]).unwrap().get::<_, i64>(0), 100);
    client.batch_execute("ROLLBACK").unwrap();
    assert_eq!(client.query_one(mine, &[]).unwrap().get::<_, i64>(0), 100, "advisory locks survive a rollback");
    client.batch_execute(end).unwrap();
    assert_eq!(client.query_one(mine, &[]).unwrap().get::<_, i64>(0), 0);
    let left: i64 = client
        .query_one(
            "SELECT count(*) FROM pg_class WHERE relname = 'mine'
             UNION ALL SELECT count(*) FROM pg_listening_channels() WHERE true ORDER BY 1 DESC LIMIT 1",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
    let path: String = client.query_one("SHOW search_path", &[]).unwrap().get(0);
    assert!(!path.contains("evil"), "{path}");
    untouched("it_writer, rolled back");
}

#[test]
fn the_wrapper_and_the_extended_protocol_alone() {
    let mut client = Cluster::shared().client("it_writer", HELPERS);
    client.batch_execute("SET default_transaction_read_only = off").unwrap();
    // The real wrapper, with a text in it that the guard never saw.
    let placeholder = guard::admit("SELECT 'placeholder'", known()).unwrap();
    let column = |type_name: &str, kind: Kind| Column {
        name: "c".to_owned(),
        type_name: type_name.to_owned(),
        type_schema: "public".to_owned(),
        kind,
    };
    let mut shapes: Vec<(Vec<Column>, Option<Format>)> = vec![(vec![], None)];
    for format in [Some(Format::Json), Some(Format::Csv)] {
        shapes.push((vec![], format));
        for (name, kind) in
            [("text", Kind::Text), ("geometry", Kind::Shape), ("int4[]", Kind::Other), ("void", Kind::Other)]
        {
            shapes.push((vec![column(name, kind)], format));
        }
    }
    for (columns, format) in shapes {
        for attack in [
            "DELETE FROM it.target RETURNING id",
            "INSERT INTO it.target VALUES (99, 'x') RETURNING id",
            "WITH x AS (DELETE FROM it.target RETURNING id) SELECT id FROM x",
            "WITH x AS (INSERT INTO it.target VALUES (99, 'x') RETURNING id) TABLE x",
            "SELECT id INTO it.mine FROM it.target",
            "CREATE TABLE it.mine (n int)",
            "CREATE TABLE it.mine AS SELECT 1",
            "COPY it.target TO STDOUT",
            "TRUNCATE it.target",
            "SET transaction_read_only = off",
            "SET ROLE it_super",
            "COMMIT",
            "DO $$ BEGIN DELETE FROM it.target; END $$",
            "EXPLAIN ANALYZE DELETE FROM it.target",
            "CALL it.nothing()",
            "PREPARE evil AS DELETE FROM it.target",
            "DECLARE c CURSOR FOR SELECT 1",
            "SELECT 1; DELETE FROM it.target",
            "SELECT 1); DELETE FROM it.target; --",
            "SELECT 1) AS _r; DELETE FROM it.target; SELECT (SELECT 1",
            "SELECT 1) AS _r LIMIT 1; DELETE FROM it.target --",
            "SELECT 1) AS _r; DELETE FROM it.target; SELECT 1 FROM (SELECT 1",
            "SELECT 1 /*",
            "SELECT 1 --\n); DELETE FROM it.target; --",
            "SELECT '",
            "SELECT $$",
        ] {
            let wrapped = match format {
                Some(format) => Statement::converted(&placeholder, &columns, format, 10),
                None => Statement::query(&placeholder, 10),
            };
            let wrapped = wrapped.text().replace("SELECT 'placeholder'", attack);
            assert!(wrapped.contains(attack));
            let error = client.query(&wrapped, &[]).expect_err(attack);
            let code = error.code().map_or("none", |code| code.code()).to_owned();
            assert!(["42601", "0A000"].contains(&code.as_str()), "{attack}: {code} {error}");
        }
    }
    untouched("it_writer, wrapped");
    let made = Cluster::shared().count(HELPERS, "SELECT count(*) FROM pg_class WHERE relname = 'mine'");
    assert_eq!(made, 0);
}

/// What a layer does not stop the next one does: the table's last column is not only words.
#[test]
fn what_one_layer_lets_through_another_stops() {
    // The read-only transaction lets an advisory lock through; the clean-up takes it back.
    let database = one_session("it_writer");
    assert_eq!(sqlstate(&text(&database, "pg_advisory_lock(4711)")), "ran");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711";
    let gone =
        crate::support::within(Duration::from_secs(10), || (Cluster::shared().count(HELPERS, held) == 0).then_some(()));
    assert!(gone.is_some(), "the lock outlives the call");
    // The wrapper lets a function that writes through; the read-only transaction stops it.
    assert_eq!(sqlstate(&text(&database, "it.run('DELETE FROM it.target')")), "25006");
    // The grants let a long query through; the time limit stops it (see containment.rs).
    untouched("it_writer, through the database layer");
}
