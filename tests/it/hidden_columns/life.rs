//! The script over the life of a database: what it changes and gives back, and what comes after it.

use serde_json::Value;

use super::{
    attacks::readable_values,
    fleet::{
        add_hypertable, apply_role, as_reader, cluster, database, everything, gets, has_timescaledb, hide, look,
        prepared, refused, run_hide,
    },
};
use crate::support::cluster::{Cluster, DEMO};

const FLEET: &str = "
    CREATE TABLE tracksolid.devices (id int PRIMARY KEY, name text, phone text);
    INSERT INTO tracksolid.devices VALUES (1, 'van', 'Zq7-1'), (2, 'lorry', 'Zq7-2');
    ALTER TABLE tracksolid.devices OWNER TO tracksolid_owner;
    CREATE TABLE tracksolid.trips (id int, device int, note text, phone text);
    INSERT INTO tracksolid.trips VALUES (1, 1, 'long', 'Zq7-3');
    CREATE VIEW reporting.names AS SELECT id, name FROM tracksolid.devices;
";

/// Every privilege and object is as it was.
#[track_caller]
fn same(after: &str, before: &str, when: &str) {
    let new = after.lines().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    let gone = before.lines().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let differences: Vec<String> = new.chain(gone).collect();
    assert!(differences.is_empty() && after == before, "{when}:\n{}", differences.join("\n"));
}

/// Whether what the server finds says this somewhere.
fn says(found: &[Value], part: &str) -> bool {
    found.iter().any(|row| row["what"].as_str().is_some_and(|what| what.contains(part)))
}

#[test]
fn a_dry_run_changes_nothing_and_without_the_lines_all_is_as_before() {
    let name = "hc_exact";
    database(name, FLEET);
    let mut lines = "tracksolid.devices.phone # personal\ntracksolid.trips.phone\ntracksolid.shared.phone = last 4\nfuel.by_hand.phone".to_owned();
    if has_timescaledb(cluster()) {
        add_hypertable(name);
        lines.push_str("\ntracksolid.hyper.phone\nreporting.daily.phone");
    }
    cluster().sql(
        name,
        "GRANT SELECT ON tracksolid.trips TO PUBLIC;
         CREATE TABLE tracksolid.shared (id int, name text, phone text);
         REVOKE SELECT ON tracksolid.shared FROM analytics_ro;
         GRANT SELECT (id, phone) ON tracksolid.shared TO PUBLIC;
         GRANT SELECT (name), INSERT (phone) ON tracksolid.devices TO hc_other;
         CREATE TABLE fuel.by_hand (id int, litres int, phone text);
         REVOKE SELECT ON fuel.by_hand FROM analytics_ro;
         GRANT SELECT (id, litres) ON fuel.by_hand TO analytics_ro;
         CREATE FUNCTION reporting.fn_phone() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.devices';",
    );
    let lines = lines.as_str();
    let before = everything(name);
    for how in ["dry run", "dry run strict"] {
        let said = hide(cluster(), name, lines, how);
        assert!(said.contains("tracksolid.devices.phone") && said.contains("personal"), "{said}");
        same(&everything(name), &before, how);
    }
    gets(name, "SELECT max(phone) FROM tracksolid.devices", "Zq7-2");

    for how in ["apply", "apply strict"] {
        hide(cluster(), name, lines, how);
        for table in ["tracksolid.devices", "tracksolid.trips", "tracksolid.shared", "fuel.by_hand"] {
            refused(name, &format!("SELECT phone FROM {table}"));
        }
        gets(name, "SELECT count(litres) FROM fuel.by_hand", "0");
        // Others have what they had.
        let mut other = cluster().client("hc_other", name);
        for sql in [
            "SELECT phone FROM tracksolid.trips",
            "SELECT id, phone FROM tracksolid.shared",
            "SELECT name FROM tracksolid.devices",
            "SELECT reporting.fn_phone()",
        ] {
            other.batch_execute(sql).unwrap_or_else(|error| panic!("{how}, {sql}: {error:?}"));
        }
        let once = everything(name);
        hide(cluster(), name, lines, how);
        same(&everything(name), &once, "a second time");
    }
    assert_eq!(as_reader(name, "SELECT reporting.fn_phone()").state, "42501", "strict closes it");

    hide(cluster(), name, "tracksolid.devices.phone", "apply");
    gets(name, "SELECT phone FROM tracksolid.trips", "Zq7-3");
    refused(name, "SELECT phone FROM tracksolid.devices");
    hide(cluster(), name, "# nothing is hidden any more\n", "apply");
    same(&everything(name), &before, "undone");
}

#[test]
fn what_comes_later_is_hidden_from_birth() {
    let name = "hc_later";
    database(name, FLEET);
    cluster().sql(
        name,
        "CREATE TYPE tracksolid.form AS (id int, note text);
         CREATE TABLE tracksolid.typed OF tracksolid.form;
         CREATE SCHEMA archive; GRANT USAGE ON SCHEMA archive TO analytics_ro;
         CREATE TABLE archive.people (id int, born text); GRANT SELECT ON archive.people TO analytics_ro;
         CREATE TABLE tracksolid.wide (id int, note text, ssn text) PARTITION BY LIST (id);
         CREATE TABLE tracksolid.to_attach (id int, note text, ssn text);
         CREATE VIEW reporting.changing AS SELECT id, note AS remark FROM tracksolid.trips;",
    );
    apply_role(cluster(), name);
    hide(cluster(), name, "*.*.phone\ntracksolid.wide.ssn\nhr.*.born\ntracksolid.special.note # by name\n", "apply");
    // By an owner who is no superuser: the trigger acts with the rights of the one who ran the script.
    let mut owner = cluster().admin(name);
    for (sql, query) in [
        ("CREATE TABLE tracksolid.t1 (id int, phone text)", "SELECT phone FROM tracksolid.t1"),
        ("CREATE TABLE tracksolid.t2 AS SELECT 1 AS id, 'Zq7'::text AS phone", "SELECT phone FROM tracksolid.t2"),
        ("SELECT 1 AS id, 'Zq7'::text AS phone INTO tracksolid.t3", "TABLE tracksolid.t3"),
        ("CREATE TABLE tracksolid.t4 (LIKE tracksolid.t1)", "SELECT phone FROM tracksolid.t4"),
        ("CREATE TABLE tracksolid.t5 (extra int) INHERITS (tracksolid.t1)", "SELECT phone FROM tracksolid.t5"),
        ("CREATE VIEW reporting.v1 AS SELECT id, phone FROM tracksolid.t1", "SELECT phone FROM reporting.v1"),
        (
            "CREATE MATERIALIZED VIEW reporting.m1 AS SELECT id, phone FROM tracksolid.t1",
            "SELECT phone FROM reporting.m1",
        ),
        (
            "CREATE OR REPLACE VIEW reporting.v1 AS SELECT id, phone, id AS n FROM tracksolid.t1",
            "SELECT phone FROM reporting.v1",
        ),
        (
            "ALTER TABLE tracksolid.t4 ADD COLUMN remark text, ALTER COLUMN phone TYPE varchar USING 'Zq7'",
            "SELECT phone FROM tracksolid.t4",
        ),
        (
            "CREATE TABLE tracksolid.t6 (id int, note text); ALTER TABLE tracksolid.t6 RENAME note TO phone",
            "SELECT phone FROM tracksolid.t6",
        ),
        (
            "CREATE TABLE tracksolid.t7 (id int, note text); ALTER TABLE tracksolid.t7 RENAME TO special",
            "SELECT note FROM tracksolid.special",
        ),
        (
            "CREATE SCHEMA one CREATE TABLE people (id int, phone text); GRANT USAGE ON SCHEMA one TO analytics_ro; GRANT SELECT ON ALL TABLES IN SCHEMA one TO analytics_ro",
            "SELECT phone FROM one.people",
        ),
    ] {
        owner
            .batch_execute(&format!(
                "SET ROLE {}",
                if sql.starts_with("CREATE SCHEMA") { "postgres" } else { "tracksolid_owner" }
            ))
            .unwrap();
        owner.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        refused(name, query);
    }
    owner.batch_execute("SET ROLE postgres").unwrap();
    for (sql, query) in [
        (
            "CREATE TABLE tracksolid.wide_1 PARTITION OF tracksolid.wide FOR VALUES IN (1)",
            "SELECT ssn FROM tracksolid.wide_1",
        ),
        (
            "ALTER TABLE tracksolid.wide ATTACH PARTITION tracksolid.to_attach FOR VALUES IN (2)",
            "SELECT ssn FROM tracksolid.to_attach",
        ),
        ("ALTER SCHEMA archive RENAME TO hr", "SELECT born FROM hr.people"),
        ("ALTER TYPE tracksolid.form RENAME ATTRIBUTE note TO phone CASCADE", "SELECT phone FROM tracksolid.typed"),
        ("ALTER VIEW reporting.changing RENAME COLUMN remark TO phone", "SELECT phone FROM reporting.changing"),
        (
            "CREATE TABLE fuel.moved (id int, born text); GRANT SELECT ON fuel.moved TO analytics_ro; ALTER TABLE fuel.moved SET SCHEMA hr",
            "SELECT born FROM hr.moved",
        ),
        ("DO 'BEGIN CREATE TABLE tracksolid.t8 (id int, phone text);END'", "SELECT phone FROM tracksolid.t8"),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA tracksolid TO analytics_ro", "SELECT phone FROM tracksolid.devices"),
        (
            "GRANT SELECT ON ALL TABLES IN SCHEMA tracksolid, reporting TO PUBLIC",
            "SELECT phone FROM tracksolid.devices",
        ),
        (
            "GRANT ALL ON tracksolid.devices TO analytics_ro; REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON tracksolid.devices FROM analytics_ro",
            "SELECT phone FROM tracksolid.devices",
        ),
        ("GRANT SELECT (phone) ON tracksolid.devices TO analytics_ro", "SELECT phone FROM tracksolid.devices"),
        ("GRANT SELECT (phone) ON tracksolid.devices TO PUBLIC", "SELECT phone FROM tracksolid.devices"),
        (
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; CREATE TABLE tracksolid.t9 (id int, phone text)",
            "SELECT phone FROM tracksolid.t9",
        ),
        ("REFRESH MATERIALIZED VIEW reporting.m1; VACUUM tracksolid.t1", "SELECT phone FROM reporting.m1"),
    ] {
        for statement in sql.split("; ") {
            owner.batch_execute(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        refused(name, query);
        gets(name, "SELECT name FROM tracksolid.devices WHERE id = 1", "van");
    }
    apply_role(cluster(), name);
    for query in [
        "SELECT phone FROM tracksolid.devices",
        "SELECT phone FROM reporting.v1",
        "SELECT born FROM hr.people",
        "SELECT ssn FROM tracksolid.wide_1",
    ] {
        refused(name, query);
    }

    // A column that was added stays hidden, and is reported until somebody says what it is.
    owner.batch_execute("ALTER TABLE tracksolid.devices ADD COLUMN colour text").unwrap();
    refused(name, "SELECT colour FROM tracksolid.devices");
    assert!(says(&look(name), "tracksolid.devices.colour"), "{:?}", look(name));
    assert!(!look(name).iter().any(|row| row["refuse"] == true), "{:?}", look(name));
}

#[test]
fn nobodys_ddl_is_stopped() {
    let name = "hc_ddl";
    database(name, FLEET);
    hide(cluster(), name, "*.*.phone", "apply strict");
    let mut owner = cluster().admin(name);
    owner.batch_execute("SET ROLE tracksolid_owner").unwrap();
    let work = [
        "CREATE TABLE tracksolid.a (id serial PRIMARY KEY, phone text)",
        "CREATE VIEW reporting.a AS SELECT to_jsonb(a) FROM tracksolid.a a",
        "CREATE OR REPLACE FUNCTION fuel.a() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.a'",
        "CREATE OR REPLACE PROCEDURE fuel.p(INOUT x text) LANGUAGE sql SECURITY DEFINER AS 'SELECT max(phone) FROM tracksolid.a'",
        "ALTER TABLE tracksolid.a ADD COLUMN note text, ALTER phone SET NOT NULL",
        "GRANT SELECT ON tracksolid.a TO PUBLIC, analytics_ro",
        "CREATE TEMP TABLE passing (id int, phone text)",
        "DROP VIEW reporting.a",
        "ALTER TABLE tracksolid.a RENAME TO b",
        "DROP TABLE tracksolid.b",
    ];
    for sql in work {
        owner.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    owner.batch_execute("DROP PROCEDURE fuel.p; DROP FUNCTION fuel.a").unwrap();
    // Nor does it wait for somebody else's long transaction.
    let mut other = cluster().admin(name);
    let mut migration = other.transaction().unwrap();
    migration
        .batch_execute(
            "CREATE TABLE tracksolid.migrated (id int, phone text); GRANT SELECT ON tracksolid.trips TO hc_other",
        )
        .unwrap();
    owner.batch_execute("SET lock_timeout = '10s'; CREATE TABLE tracksolid.meanwhile (id int, phone text)").unwrap();
    refused(name, "SELECT phone FROM tracksolid.meanwhile");
    migration.commit().unwrap();
    refused(name, "SELECT phone FROM tracksolid.migrated");
    // Not even when what the script made is broken.
    cluster().sql(name, "ALTER TABLE hidden_columns.list RENAME TO lost");
    for sql in work {
        owner
            .batch_execute(&sql.replace("TEMP TABLE passing", "TEMP TABLE again"))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
    refused(name, "SELECT phone FROM tracksolid.devices");
    // What is new meanwhile is closed as a whole, since nobody has looked at it.
    owner.batch_execute("CREATE TABLE tracksolid.unseen (id int, phone text)").unwrap();
    refused(name, "SELECT id FROM tracksolid.unseen");
}

/// Neither the event trigger nor the script runs what the owner of a table has made: both have a superuser's rights.
#[test]
fn nothing_of_an_owner_runs_with_a_superusers_rights() {
    let name = "hc_escalate";
    database(name, FLEET);
    hide(cluster(), name, "*.*.phone", "apply strict");
    let mut owner = cluster().admin(name);
    owner
        .batch_execute(
            "GRANT TEMPORARY ON DATABASE hc_escalate TO tracksolid_owner; SET ROLE tracksolid_owner;
             CREATE TABLE tracksolid.who (name text); GRANT INSERT ON tracksolid.who TO PUBLIC;
             CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE plpgsql AS 'BEGIN INSERT INTO tracksolid.who VALUES (current_user); RETURN 0; END';
             CREATE TEMP VIEW pg_roles AS SELECT r.* FROM pg_catalog.pg_roles r WHERE pg_temp.evil() = 0;
             CREATE TEMP VIEW pg_class AS SELECT c.* FROM pg_catalog.pg_class c WHERE pg_temp.evil() = 0;
             CREATE TEMP VIEW pg_inherits AS SELECT i.* FROM pg_catalog.pg_inherits i WHERE pg_temp.evil() = 0;
             CREATE TABLE tracksolid.bait (id int, phone text);
             CREATE VIEW reporting.bait AS SELECT phone FROM tracksolid.bait",
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(cluster().count(name, "SELECT count(*) FROM tracksolid.who"), 0);
    refused(name, "SELECT phone FROM tracksolid.bait");
    owner
        .batch_execute(
            "CREATE FUNCTION tracksolid.im(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''ran as %'', current_user; RETURN true; END';
             CREATE INDEX ON tracksolid.bait (id) WHERE tracksolid.im(1)",
        )
        .unwrap_or_else(|error| panic!("{error:?}"));
    for how in ["dry run", "apply"] {
        let said = hide(cluster(), name, "*.*.phone", how);
        assert!(!said.contains("ran as"), "{said}");
    }
}

/// What could not be read when the list was applied is remembered, too: it is granted only afterwards, under another name or on its own.
#[test]
fn what_is_granted_later_stays_hidden_whatever_it_is_called_then() {
    let name = "hc_later_granted";
    database(name, FLEET);
    cluster().sql(
        name,
        "CREATE TABLE tracksolid.days (day int, phone text) PARTITION BY LIST (day);
         CREATE TABLE tracksolid.day_1 PARTITION OF tracksolid.days FOR VALUES IN (1);
         CREATE TABLE tracksolid.crew (id int, phone text);
         INSERT INTO tracksolid.days VALUES (1, 'Zq7-4'); INSERT INTO tracksolid.crew VALUES (1, 'Zq7-5');
         REVOKE ALL ON tracksolid.days, tracksolid.day_1, tracksolid.crew FROM analytics_ro",
    );
    hide(cluster(), name, "tracksolid.*.phone", "apply");
    cluster().sql(
        name,
        "ALTER TABLE tracksolid.days DETACH PARTITION tracksolid.day_1; ALTER TABLE tracksolid.crew RENAME TO people;
         ALTER TABLE tracksolid.people RENAME phone TO number; ALTER TABLE tracksolid.day_1 RENAME phone TO number",
    );
    apply_role(cluster(), name);
    for table in ["people", "day_1"] {
        refused(name, &format!("SELECT number FROM tracksolid.{table}"));
    }
    gets(name, "SELECT id FROM tracksolid.people", "1");
    // Undoing gives nothing that was not there.
    cluster().sql(name, "REVOKE ALL ON tracksolid.people, tracksolid.day_1 FROM analytics_ro");
    hide(cluster(), name, "", "apply");
    refused(name, "SELECT id FROM tracksolid.people");
}

#[test]
fn a_view_that_filters_by_a_hidden_column_is_named() {
    let name = "hc_filters";
    database(name, FLEET);
    cluster().sql(
        name,
        "CREATE VIEW reporting.by_phone AS SELECT id, name FROM tracksolid.devices WHERE phone LIKE current_setting('app.phone', true)",
    );
    hide(cluster(), name, "tracksolid.devices.phone", "apply strict");
    let found = look(name);
    assert!(
        says(&found, "reporting.by_phone filters, joins, groups or sorts by tracksolid.devices.phone"),
        "{found:?}"
    );
    assert!(!says(&found, "reporting.names"), "{found:?}");
    gets(name, "SELECT count(*) FROM reporting.by_phone", "0");
}

#[test]
fn strict_is_remembered() {
    let name = "hc_remembered";
    database(name, FLEET);
    cluster().sql(name, "CREATE VIEW reporting.contacts AS SELECT id, phone AS contact FROM tracksolid.devices");
    hide(cluster(), name, "tracksolid.devices.phone", "apply as before");
    gets(name, "SELECT max(contact) FROM reporting.contacts", "Zq7-2");
    hide(cluster(), name, "tracksolid.devices.phone", "apply strict");
    hide(cluster(), name, "tracksolid.devices.phone # with a reason", "apply as before");
    refused(name, "SELECT contact FROM reporting.contacts");
    gets(name, "SELECT max(id) FROM reporting.contacts", "2");
    hide(cluster(), name, "tracksolid.devices.phone", "apply");
    gets(name, "SELECT max(contact) FROM reporting.contacts", "Zq7-2");
}

#[test]
fn what_has_been_renamed_is_not_uncovered_in_silence() {
    let name = "hc_renamed";
    database(name, FLEET);
    let lines = "tracksolid.devices.phone\ntracksolid.nothing.phone";
    hide(cluster(), name, lines, "apply");
    cluster().sql(name, "ALTER TABLE tracksolid.devices RENAME TO vehicles");
    refused(name, "SELECT phone FROM tracksolid.vehicles");
    let said = run_hide(cluster(), name, lines, "apply");
    assert!(
        !said.ok && said.text.contains("is still there") && said.text.contains("tracksolid.vehicles.phone"),
        "{said:?}"
    );
    refused(name, "SELECT phone FROM tracksolid.vehicles");
    hide(cluster(), name, "tracksolid.vehicles.phone\n*.*.phone", "apply");
    cluster().sql(name, "ALTER TABLE tracksolid.vehicles RENAME phone TO tel");
    let said = run_hide(cluster(), name, "tracksolid.vehicles.phone\n*.*.phone", "apply");
    assert!(!said.ok && said.text.contains("tracksolid.vehicles.tel"), "{said:?}");
    refused(name, "SELECT tel FROM tracksolid.vehicles");
    // Nor when another line goes at the same time.
    assert!(!run_hide(cluster(), name, "tracksolid.vehicles.phone", "apply").ok);
    cluster().sql(name, "ALTER TABLE tracksolid.vehicles RENAME tel TO phone");
    hide(cluster(), name, "tracksolid.vehicles.phone\ntracksolid.nothing.phone", "apply");
    refused(name, "SELECT phone FROM tracksolid.vehicles");
    // A line that is taken out is meant, beside one that has never matched anything.
    hide(cluster(), name, "tracksolid.nothing.phone", "apply");
    gets(name, "SELECT max(phone) FROM tracksolid.vehicles", "Zq7-2");
}

#[test]
fn what_the_role_can_become_counts() {
    // Memberships are the whole cluster's, so this one is for this test alone.
    let own = prepared(Cluster::new());
    own.sql(
        DEMO,
        "CREATE SCHEMA tracksolid; CREATE TABLE tracksolid.devices AS SELECT 1 AS id, 'van' AS name, 'Zq7-1' AS phone;
         CREATE ROLE hc_group; GRANT USAGE ON SCHEMA tracksolid TO hc_group, hc_other; GRANT SELECT ON tracksolid.devices TO PUBLIC;",
    );
    apply_role(&own, DEMO);
    let phone = |role: &str| own.client(role, DEMO).batch_execute("SELECT phone FROM tracksolid.devices").is_ok();
    let line = "tracksolid.devices.phone";
    // A member that has nothing of its own gives nothing.
    own.sql(DEMO, "GRANT hc_group TO analytics_ro");
    hide(&own, DEMO, line, "apply");
    assert!(!phone("analytics_ro") && phone("hc_other"));
    hide(&own, DEMO, "", "apply");
    assert!(phone("analytics_ro") && phone("hc_other"));
    for (grant, role) in [
        ("GRANT SELECT ON tracksolid.devices TO hc_group", "hc_group"),
        ("GRANT pg_read_all_data TO analytics_ro", "pg_read_all_data"),
    ] {
        own.sql(DEMO, grant);
        let said = run_hide(&own, DEMO, line, "apply");
        assert!(!said.ok && said.text.contains(role), "{grant}: {}", said.text);
        assert!(phone("analytics_ro"), "nothing has changed");
        own.sql(DEMO, "REVOKE pg_read_all_data FROM analytics_ro; REVOKE hc_group FROM analytics_ro");
        hide(&own, DEMO, line, "apply");
        assert!(!phone("analytics_ro"));
        hide(&own, DEMO, "", "apply");
    }
}

#[test]
fn nor_does_a_grant_by_somebody_else_go_unnoticed() {
    let name = "hc_grantor";
    database(name, FLEET);
    cluster().sql(name, "GRANT SELECT ON tracksolid.devices TO hc_other WITH GRANT OPTION");
    hide(cluster(), name, "tracksolid.devices.phone", "apply");
    // Who is not the owner may grant too, and the owner cannot take that back.
    cluster().client("hc_other", name).batch_execute("GRANT SELECT ON tracksolid.devices TO analytics_ro").unwrap();
    refused_or_found(name, "SELECT phone FROM tracksolid.devices");
    if has_timescaledb(cluster()) {
        grant_inside();
    }
}

/// A grant on what TimescaleDB keeps inside uncovers nothing: the usual remedy of somebody who cannot read a chunk.
fn grant_inside() {
    let name = "hc_inside";
    database(name, FLEET);
    add_hypertable(name);
    hide(cluster(), name, "tracksolid.hyper.phone\nreporting.daily.phone\n*.*.phone", "apply");
    for to in ["analytics_ro", "PUBLIC"] {
        cluster().sql(name, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA _timescaledb_internal TO {to}"));
        let open = readable_values(cluster(), name);
        assert!(open.is_empty(), "{}", open.join("\n"));
        gets(name, "SELECT count(id) FROM tracksolid.hyper", "2");
    }
}

/// Refused, or else the server would refuse to go on.
#[track_caller]
fn refused_or_found(database: &str, sql: &str) {
    let outcome = as_reader(database, sql);
    let refuses = look(database).iter().any(|row| row["refuse"] == true);
    assert!(outcome.state == "42501" || refuses, "{sql}: readable, and the server would go on: {outcome:?}");
}

#[test]
fn many_tables() {
    let name = "hc_many";
    database(name, FLEET);
    cluster().sql(
        name,
        "DO $$ BEGIN
             FOR n IN 1..500 LOOP
                 EXECUTE format('CREATE TABLE tracksolid.t%s (%s, phone text)', n, (SELECT string_agg('c' || c || ' text', ', ') FROM generate_series(1, 19) AS c));
                 EXECUTE format('GRANT SELECT ON tracksolid.t%s TO analytics_ro', n);
             END LOOP;
         END $$",
    );
    hide(cluster(), name, "*.*.phone\n*.*.c7", "apply");
    refused(name, "SELECT phone FROM tracksolid.t500");
    refused(name, "SELECT c7 FROM tracksolid.t1");
    gets(name, "SELECT count(c8) FROM tracksolid.t1", "0");
    // A migration makes its tables while somebody waits.
    let mut owner = cluster().admin(name);
    owner.batch_execute("SET statement_timeout = '60s'; SET ROLE tracksolid_owner; CREATE TABLE tracksolid.new (id int, phone text)").unwrap();
    refused(name, "SELECT phone FROM tracksolid.new");
    assert!(!look(name).iter().any(|row| row["is"] == "finding"), "{:?}", look(name));
}
