//! Refuse to start rather than run half-protected, and say what to do.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    cluster::{Cluster, DEMO, HELPERS, PASSWORD, Programs, READER},
    eventually,
    server::{ALICE, BOB, Server, run},
};

/// Starting and checking with these settings must end with exit code 78 and a message that holds all parts.
#[track_caller]
fn refused(settings: &[(&str, &str)], parts: &[&str]) {
    for arguments in [&[][..], &["check"]] {
        let run = run(arguments, settings);
        assert_eq!(run.code, Some(78), "{settings:?}: {}", run.told());
        for part in parts {
            assert!(run.stderr.contains(part), "{settings:?}: {part:?} is not in: {}", run.told());
        }
        for secret in [ALICE, BOB, "throw-away", "short1"] {
            assert!(!run.told().contains(secret), "{settings:?} shows {secret}: {}", run.told());
        }
    }
}

/// Settings, and parts of the message.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn a_setting_that_cannot_be_used_is_named_with_its_fix() {
    let twice = format!("alice:{ALICE},bob:{ALICE}");
    let unreadable = "/does/not/exist";
    let cases: &[Case<'_>] = &[
        (&[("MCP_AUTH_TOKENS", "")], &["MCP_AUTH_TOKENS", "not set", "alice:<token>", "MCP_AUTH_TOKENS_FILE"]),
        (&[("MCP_AUTH_TOKENS", " , ")], &["MCP_AUTH_TOKENS", "no token"]),
        (
            &[("MCP_AUTH_TOKENS", "alice:short1")],
            &["MCP_AUTH_TOKENS", "alice", "shorter than 16", "openssl rand -hex 24"],
        ),
        (&[("MCP_AUTH_TOKENS", &twice)], &["MCP_AUTH_TOKENS", "bob and alice", "a token of their own"]),
        (&[("MCP_AUTH_TOKENS", ALICE)], &["MCP_AUTH_TOKENS", "no colon", "name:token"]),
        (&[("MCP_AUTH_TOKENS_FILE", unreadable)], &["MCP_AUTH_TOKENS", "keep one"]),
        (&[("MCP_AUTH_TOKENS", ""), ("MCP_AUTH_TOKENS_FILE", unreadable)], &["MCP_AUTH_TOKENS_FILE", "cannot read"]),
        (&[("MCP_MAX_ROW", "5")], &["MCP_MAX_ROW", "did you mean MCP_MAX_ROWS?"]),
        (&[("MCP_READ_ONLY", "0")], &["MCP_READ_ONLY", "no such setting"]),
        (&[("MCP_LISTEN", "8892")], &["MCP_LISTEN", "0.0.0.0:8892"]),
        (&[("MCP_LISTEN", "localhost:99999")], &["MCP_LISTEN"]),
        (&[("MCP_MAX_ROWS", "0")], &["MCP_MAX_ROWS", "from 1 to"]),
        (&[("MCP_MAX_ROWS", "many")], &["MCP_MAX_ROWS", "whole number"]),
        (&[("MCP_MAX_BYTES", "5")], &["MCP_MAX_BYTES", "from 4096"]),
        (&[("MCP_POOL_MAX", "-1")], &["MCP_POOL_MAX", "from 1 to"]),
        (&[("MCP_MAX_CONNECTIONS", "0")], &["MCP_MAX_CONNECTIONS", "from 4 to"]),
        (&[("MCP_MAX_PER_ANALYST", "1.5")], &["MCP_MAX_PER_ANALYST", "whole number"]),
        (&[("MCP_STATEMENT_TIMEOUT", "2min")], &["MCP_STATEMENT_TIMEOUT", "55s"]),
        (&[("MCP_STATEMENT_TIMEOUT", "0")], &["MCP_STATEMENT_TIMEOUT", "100ms"]),
        (&[("MCP_ALLOWED_ORIGINS", "*")], &["MCP_ALLOWED_ORIGINS", "wildcard"]),
        (
            &[("MCP_ALLOWED_ORIGINS", "http://inspector.internal:80")],
            &["MCP_ALLOWED_ORIGINS", "write it as http://inspector.internal"],
        ),
        (&[("MCP_READABLE_SCHEMAS", "reporting,pg_catalog")], &["MCP_READABLE_SCHEMAS", "pg_catalog"]),
        (&[("DATABASE_URL", "")], &["DATABASE_URL", "not set", "DATABASE_URL_FILE", "postgresql://"]),
        (&[("DATABASE_URL", "mysql://a:throw-away@b/c")], &["DATABASE_URL", "postgresql://"]),
        (
            &[("DATABASE_URL", "postgresql://a:throw-away@b:1/c?sslmode=verify-full")],
            &["DATABASE_URL", "needs sslrootcert=FILE"],
        ),
        (&[("MCP_PUBLIC_URL", "http://fleet.example.com")], &["MCP_PUBLIC_URL", "https"]),
        (
            &[("MCP_PUBLIC_URL", "https://fleet.example.com:443")],
            &["MCP_PUBLIC_URL", "is not how browsers write it", "write it as https://fleet.example.com"],
        ),
        (
            &[("MCP_PUBLIC_URL", "https://fleet..example.com")],
            &["MCP_PUBLIC_URL", "is not an address", "with dots between"],
        ),
        (&[("MCP_CONTACT", "desk\u{202e}")], &["MCP_CONTACT", "visible characters"]),
        (&[("MCP_AUDIT_KEPT", "90\u{200b}days")], &["MCP_AUDIT_KEPT", "visible characters"]),
        (&[("MCP_PROTOCOL_MODERN", "no")], &["MCP_PROTOCOL_MODERN", "neither on nor off"]),
        (&[("DATABASE_URL", "postgresql://a:throw-away@b:1/c?options=-crole%3Dx")], &["DATABASE_URL", "options="]),
    ];
    for (settings, parts) in cases {
        refused(settings, parts);
    }
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = run(&[], &[("MCP_LISTEN", &address)]);
    assert_eq!(run.code, Some(78), "{}", run.told());
    for part in ["MCP_LISTEN", &address, "choose another port"] {
        assert!(run.stderr.contains(part), "{}", run.told());
    }
}

/// Makes a role in the tests' copy of the database. `$` stands for its name.
fn role(name: &str, grants: &str) -> String {
    let cluster = Cluster::shared();
    let make = format!("CREATE ROLE $ LOGIN PASSWORD 'throw-away-0123456789'; GRANT USAGE ON SCHEMA it TO $; {grants}");
    cluster.sql(HELPERS, &make.replace('$', name));
    cluster.dsn(name, HELPERS)
}

#[test]
fn a_role_that_could_write_is_refused_with_the_statement_that_fixes_it() {
    Cluster::shared().sql("postgres", "CREATE DATABASE it_spare TEMPLATE template0");
    for (name, grants, parts) in [
        ("it_s_super", "ALTER ROLE $ SUPERUSER", &["is a superuser", "ALTER ROLE it_s_super NOSUPERUSER"][..]),
        ("it_s_rls", "ALTER ROLE $ BYPASSRLS", &["bypasses row security", "NOBYPASSRLS"]),
        ("it_s_roles", "ALTER ROLE $ CREATEROLE", &["may create roles", "NOCREATEROLE"]),
        ("it_s_dbs", "ALTER ROLE $ CREATEDB", &["may create databases", "NOCREATEDB"]),
        ("it_s_repl", "ALTER ROLE $ REPLICATION", &["may replicate", "NOREPLICATION"]),
        ("it_s_insert", "GRANT INSERT ON it.target TO $", &["may write to 1", "it.target", "REVOKE INSERT"]),
        ("it_s_trigger", "GRANT TRIGGER ON it.target TO $", &["may write to 1", "it.target", "TRIGGER"]),
        (
            "it_s_sequence",
            "GRANT USAGE ON SEQUENCE it.numbers TO $",
            &["may advance 1 sequences", "it.numbers", "REVOKE USAGE, UPDATE ON ALL SEQUENCES"],
        ),
        ("it_s_truncate", "GRANT TRUNCATE ON it.target TO $", &["may write to 1", "it.target"]),
        ("it_s_column", "GRANT UPDATE (note) ON it.target TO $", &["may write to 1", "it.target"]),
        (
            "it_s_create",
            "GRANT CREATE ON SCHEMA it TO $",
            &["may create objects in the schema it", "REVOKE CREATE ON SCHEMA it"],
        ),
        (
            "it_s_schema",
            "GRANT CREATE ON DATABASE it_db TO $",
            &["may create schemas", "REVOKE CREATE ON DATABASE it_db"],
        ),
        (
            "it_s_member",
            "GRANT pg_write_all_data TO $",
            &["member of pg_write_all_data", "REVOKE pg_write_all_data FROM"],
        ),
        ("it_s_files", "GRANT pg_write_server_files TO $", &["member of pg_write_server_files"]),
        ("it_s_program", "GRANT pg_execute_server_program TO $", &["member of pg_execute_server_program"]),
        ("it_s_signal", "GRANT pg_signal_backend TO $", &["member of pg_signal_backend"]),
        (
            "it_s_owner",
            "CREATE TABLE it.theirs (n int); ALTER TABLE it.theirs OWNER TO $",
            &["may write to 1", "it.theirs", "owns 1 objects: table it.theirs", "REASSIGN OWNED BY it_s_owner"],
        ),
        (
            "it_s_owner2",
            "CREATE FUNCTION it.f2() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION it.f2() OWNER TO $;
             CREATE SCHEMA it_s_theirs AUTHORIZATION $; ALTER DATABASE it_spare OWNER TO $",
            &["owns 3 objects: database it_spare, function it.f2(), schema it_s_theirs"],
        ),
        (
            "it_s_become",
            "CREATE ROLE it_s_boss NOLOGIN CREATEDB; GRANT it_s_boss TO $; ALTER ROLE $ NOINHERIT",
            &["is a member of it_s_boss, which may create databases", "REVOKE it_s_boss FROM it_s_become"],
        ),
        (
            "it_s_system",
            "GRANT ALTER SYSTEM ON PARAMETER work_mem TO $",
            &["may change the server's setting work_mem", "REVOKE ALTER SYSTEM ON PARAMETER work_mem"],
        ),
        ("it_s_space", "GRANT CREATE ON TABLESPACE pg_default TO $", &["tablespace pg_default"]),
    ] {
        let dsn = role(name, grants);
        let own = run(&["check"], &[("DATABASE_URL", &dsn)]);
        for part in parts {
            assert!(own.stderr.contains(part), "{name}: {part:?} is not in: {}", own.told());
        }
        assert_eq!(own.code, Some(78), "{name}: {}", own.told());
        // What `check` refuses, the start refuses: three examples will do.
        if ["it_s_super", "it_s_insert", "it_s_member"].contains(&name) {
            let serve = run(&[], &[("DATABASE_URL", &dsn)]);
            assert_eq!(serve.code, Some(78), "{name}: {}", serve.told());
            assert!(serve.stderr.contains("not started"), "{name}: {}", serve.told());
        }
    }
}

#[test]
fn check_finds_nothing_wrong_with_the_projects_own_role() {
    let run = run(&["check"], &[]);
    assert_eq!(run.code, Some(0), "{}", run.told());
    assert!(run.stdout.starts_with("settings: usable\nrole: suitable; warnings: 0"), "{}", run.told());
    assert!(run.stdout.contains("\nsign-in: off, so claude.ai and Claude Desktop cannot connect"), "{}", run.told());
    assert!(run.stderr.is_empty(), "{}", run.told());
    // The limit is for analysts' statements: looking at the role takes longer on a busy machine.
    let run = self::run(&["check"], &[("MCP_STATEMENT_TIMEOUT", "100ms")]);
    assert_eq!(run.code, Some(0), "{}", run.told());
}

/// A right that only SET ROLE would reach.
#[test]
fn a_role_that_could_become_one_that_writes_is_refused() {
    let dsn = role("it_s_inherit", "ALTER ROLE $ NOINHERIT; GRANT it_writer TO $");
    let run = run(&["check"], &[("DATABASE_URL", &dsn)]);
    assert_eq!(run.code, Some(78), "{}", run.told());
    for part in ["may write to", "member of it_writer", "REVOKE it_writer FROM it_s_inherit"] {
        assert!(run.stderr.contains(part), "{}", run.told());
    }
}

#[test]
fn check_warns_of_what_is_not_good_but_bearable() {
    let dsn = Cluster::shared().dsn("it_plain", HELPERS);
    let run = run(&["check"], &[("DATABASE_URL", &dsn)]);
    assert_eq!(run.code, Some(0), "{}", run.told());
    for part in [
        "SECURITY DEFINER",
        "it.run_as_owner",
        "also reads the schema it",
        "statement_timeout",
        "pg_try_advisory_lock",
        "Fix: ",
    ] {
        assert!(run.stderr.contains(part), "{part:?} is not in: {}", run.told());
    }
}

/// The object that `check --json` prints, and the exit code.
#[track_caller]
fn check_json(settings: &[(&str, &str)]) -> (Value, Option<i32>) {
    let run = run(&["check", "--json"], settings);
    assert_eq!(run.stdout.lines().count(), 1, "one line and nothing else: {}", run.told());
    (serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.told())), run.code)
}

#[test]
fn check_json_says_the_same_as_check_as_one_object() {
    let cluster = Cluster::shared();
    let (own, code) = check_json(&[]);
    assert_eq!((&own["suitable"], &own["findings"], code), (&json!(true), &json!([]), Some(0)), "{own}");
    let geos = cluster.text(HELPERS, "SELECT postgis_geos_version()");
    let old = geos.starts_with("3.") && geos[2..].split('.').next().unwrap().parse::<u32>().unwrap() < 13;
    assert_eq!(own["geos"].as_str().is_some_and(|note| note.contains(&geos)), old, "{own}");
    let (plain, code) = check_json(&[("DATABASE_URL", &cluster.dsn("it_plain", HELPERS))]);
    assert_eq!((&plain["suitable"], code), (&json!(true), Some(0)), "warnings only: {plain}");
    let findings = plain["findings"].as_array().unwrap();
    assert!(!findings.is_empty() && findings.iter().all(|finding| finding["refuse"] == false), "{plain}");
    let (writer, code) = check_json(&[("DATABASE_URL", &cluster.dsn("it_writer", HELPERS))]);
    assert_eq!((&writer["suitable"], code), (&json!(false), Some(78)), "{writer}");
    let first = &writer["findings"][0];
    assert_eq!(first["refuse"], true, "{writer}");
    for part in ["what", "fix"] {
        assert!(first[part].as_str().is_some_and(|text| !text.is_empty()), "{writer}");
    }
    assert_eq!(writer.get("error"), None, "{writer}");
}

/// The points of `check --json`, each that ended well as true.
fn points(verdict: &Value) -> BTreeMap<String, bool> {
    let points = verdict["points"].as_array().unwrap_or_else(|| panic!("{verdict}"));
    points.iter().map(|point| (point["point"].as_str().unwrap().to_owned(), point["ok"] == true)).collect()
}

#[test]
fn check_tries_what_the_role_must_not_do() {
    let all =
        ["db-create", "db-hidden-columns", "db-hidden-schemas", "db-limits", "db-lock", "db-locks-left", "db-read"];
    let cluster = Cluster::new();
    cluster.sql(
        DEMO,
        "CREATE SCHEMA reporting; CREATE VIEW reporting.v_daily_summary AS SELECT 1 AS n;
         CREATE SCHEMA infrastructure; CREATE TABLE infrastructure.keys (key text)",
    );
    role_script(&cluster, &[]);
    let dsn = cluster.dsn("analytics_ro", DEMO);
    let settings = [
        ("DATABASE_URL", dsn.as_str()),
        ("MCP_READABLE_SCHEMAS", "reporting"),
        ("MCP_PUBLIC_URL", "https://fleet.example.com"),
    ];
    let (verdict, code) = check_json(&settings);
    assert_eq!(points(&verdict), all.map(|name| (name.to_owned(), true)).into(), "{verdict}");
    assert_eq!((code, &verdict["sign_in"]), (Some(0), &json!("https://fleet.example.com")), "{verdict}");
    assert_eq!(verdict["version"], env!("CARGO_PKG_VERSION"));
    let port = dsn.rsplit(':').next().unwrap().split('/').next().unwrap();
    let shown =
        json!({ "user": "analytics_ro", "url": format!("postgresql://analytics_ro:***@127.0.0.1:{port}/{DEMO}") });
    assert_eq!(verdict["database"], shown);

    // One thing at a time, and back.
    let cases = [
        (
            "db-create",
            "GRANT CREATE ON SCHEMA public TO analytics_ro",
            "REVOKE CREATE ON SCHEMA public FROM analytics_ro",
        ),
        (
            "db-create",
            "GRANT CREATE ON SCHEMA reporting TO analytics_ro",
            "REVOKE CREATE ON SCHEMA reporting FROM analytics_ro",
        ),
        (
            "db-hidden-schemas",
            "GRANT USAGE ON SCHEMA infrastructure TO analytics_ro; GRANT SELECT ON infrastructure.keys TO analytics_ro",
            "REVOKE USAGE ON SCHEMA infrastructure FROM analytics_ro; REVOKE SELECT ON infrastructure.keys FROM analytics_ro",
        ),
        (
            "db-limits",
            "ALTER ROLE analytics_ro SET statement_timeout = '1h'",
            "ALTER ROLE analytics_ro SET statement_timeout = '30s'",
        ),
        (
            "db-limits",
            "ALTER ROLE analytics_ro IN DATABASE tracksolid_db SET statement_timeout = 500",
            "ALTER ROLE analytics_ro IN DATABASE tracksolid_db RESET statement_timeout",
        ),
        (
            "db-limits",
            "ALTER ROLE analytics_ro RESET statement_timeout",
            "ALTER ROLE analytics_ro SET statement_timeout = '30s'",
        ),
        (
            "db-limits",
            "ALTER ROLE analytics_ro SET default_transaction_read_only = off",
            "ALTER ROLE analytics_ro SET default_transaction_read_only = on",
        ),
        (
            "db-lock",
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_lock(bigint) TO analytics_ro",
            "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_advisory_lock(bigint) FROM analytics_ro",
        ),
        (
            "db-read",
            "REVOKE SELECT ON reporting.v_daily_summary FROM analytics_ro",
            "GRANT SELECT ON reporting.v_daily_summary TO analytics_ro",
        ),
    ];
    for (name, broken, whole) in cases {
        cluster.sql(DEMO, broken);
        let (verdict, _) = check_json(&settings);
        assert_eq!(points(&verdict), all.map(|other| (other.to_owned(), other != name)).into(), "{broken}: {verdict}");
        let point = verdict["points"].as_array().unwrap().iter().find(|point| point["ok"] == false).unwrap();
        for part in ["expected", "saw", "fix"] {
            assert!(point[part].as_str().is_some_and(|text| !text.is_empty()), "{broken}: {point}");
        }
        let for_people = run(&["check"], &settings);
        assert!(for_people.stderr.contains(&format!("{name}: expected")), "{}", for_people.told());
        cluster.sql(DEMO, whole);
    }
    assert_eq!(points(&check_json(&settings).0), all.map(|name| (name.to_owned(), true)).into());
    let left = "SELECT count(*) FROM pg_class WHERE relname = 'analytics_mcp_check'";
    assert_eq!(cluster.count(DEMO, left), 0, "what could be created was rolled back");
}

/// A warning, by name and without the token; the server runs with it.
#[test]
fn a_token_that_a_person_has_made_up_is_reported_and_used() {
    let guessable = "fireside-alice-2026";
    let tokens = format!("alice:{guessable},bob:{BOB},alice:{ALICE}");
    let settings = [("MCP_AUTH_TOKENS", tokens.as_str())];
    let what = "the token of alice looks as if a person had made it up";
    let run = run(&["check"], &settings);
    assert_eq!(run.code, Some(0), "{}", run.told());
    assert!(run.stdout.starts_with("settings: usable; warnings: 1\nrole: suitable; warnings: 0"), "{}", run.told());
    assert!(run.stderr.contains(what) && run.stderr.contains("openssl rand -hex 24"), "{}", run.told());
    assert!(!run.told().contains(guessable) && !run.told().contains("of bob"), "{}", run.told());
    let (verdict, code) = check_json(&settings);
    assert_eq!((&verdict["suitable"], code), (&json!(true), Some(0)), "{verdict}");
    let [finding] = verdict["findings"].as_array().unwrap().as_slice() else { panic!("{verdict}") };
    assert_eq!((&finding["refuse"], &finding["what"]), (&json!(false), &json!(what)), "{verdict}");
    assert!(finding["fix"].as_str().unwrap().contains("openssl rand -hex 24"), "{verdict}");

    let server = Server::start(&settings);
    server.wait_for_log(what);
    assert_eq!(server.stderr().matches("looks as if").count(), 1, "{}", server.stderr());
    let answer = crate::support::client::Mcp::new(server.port, guessable).legacy("ping", json!({}));
    assert_eq!(answer.status, 200, "it is used all the same");
    assert!(!server.stderr().contains(guessable), "{}", server.stderr());
}

#[test]
fn check_json_says_why_nothing_could_be_checked() {
    let away = format!("postgresql://a:throw-away@127.0.0.1:{}/d", crate::support::cluster::free_port());
    let wrong = Cluster::shared().dsn("analytics_ro", DEMO).replace("throw-away", "throw-wrong");
    let cases = [
        ("MCP_MAX_ROWS", "0", 78, "MCP_MAX_ROWS"),
        ("DATABASE_URL", &away, 1, "cannot be reached"),
        ("DATABASE_URL", &wrong, 78, "password authentication failed"),
    ];
    for (name, value, expected, part) in cases {
        let (verdict, code) = check_json(&[(name, value)]);
        assert_eq!((&verdict["suitable"], code), (&json!(false), Some(expected)), "{verdict}");
        assert!(verdict["error"].as_str().is_some_and(|error| error.contains(part)), "{part:?} is not in: {verdict}");
        assert!(!verdict.to_string().contains("throw-"), "{verdict}");
    }
}

/// The role script, so that a database gets it as production does; its warnings, each with its hint.
fn role_script(cluster: &Cluster, variables: &[&str]) -> Vec<(String, String)> {
    // A PostgreSQL without client programs is there for tests against other versions.
    let own = Programs::get().bin.join("psql");
    let mut psql = Command::new(if own.is_file() { own } else { "psql".into() });
    psql.args(["-X", "-q", "-v", &format!("ro_pw={PASSWORD}"), "-d", &cluster.dsn("postgres", DEMO), "-f", "-"]);
    for variable in variables {
        psql.args(["-v", variable]);
    }
    let done = psql.stdin(Stdio::from(fs::File::open(ROLE_SCRIPT).unwrap())).output().unwrap();
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{stderr}");
    let after = |line: &str, mark: &str| line.split_once(mark).map(|(_, text)| text.to_owned());
    let mut lines = stderr.lines();
    let mut warnings = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(warning) = after(line, "WARNING:  ") {
            warnings.push((warning, lines.next().and_then(|line| after(line, "HINT:  ")).unwrap_or_default()));
        }
    }
    warnings
}

const ROLE_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/analytics_ro_role.sql");

/// "Suitable" is defined in one file: the script's last section is that file.
#[test]
fn the_role_script_ends_with_the_role_check_word_for_word() {
    let copy = format!("\n$role_check$\n{}$role_check$ USING ", include_str!("../../src/role_check.sql"));
    assert!(
        fs::read_to_string(ROLE_SCRIPT).unwrap().contains(&copy),
        "src/role_check.sql has changed: run the command that stands above its copy in scripts/analytics_ro_role.sql"
    );
}

/// What a grant, made by somebody to `analytics_ro` or to PUBLIC, comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Outcome {
    /// The server refuses the role, and the script says so.
    Refused,
    /// Both warn.
    Warned,
    /// `check` finds it, and the script takes it.
    Taken,
}

/// Whatever `check` finds the script reports, and the reverse, over a table of grants.
#[test]
fn the_role_script_reports_what_check_finds() {
    use Outcome::{Refused, Taken, Warned};
    let cluster = Cluster::new();
    let read_only = cluster.dsn("analytics_ro", DEMO);
    let dsn = [("DATABASE_URL", read_only.as_str())];
    cluster.sql(
        DEMO,
        "CREATE SCHEMA fuel; CREATE TABLE fuel.records AS SELECT 7 AS n; CREATE SEQUENCE fuel.numbers;
         CREATE SCHEMA other; CREATE TABLE other.t (n int); CREATE VIEW other.v AS TABLE other.t;
         CREATE MATERIALIZED VIEW other.m AS TABLE other.t; CREATE SEQUENCE other.s; CREATE TYPE other.e AS ENUM ('a');
         CREATE FUNCTION other.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE ROLE maker CREATEDB; CREATE ROLE owning; ALTER TABLE other.v OWNER TO owning",
    );
    let clean = |case: &str, variables: &[&str]| {
        let warnings = role_script(&cluster, variables);
        let (verdict, _) = check_json(&dsn);
        let found = (&verdict["suitable"], &verdict["findings"]);
        assert_eq!((warnings, found), (vec![], (&json!(true), &json!([]))), "{case}");
    };
    clean("nothing", &[]);
    let ro = "analytics_ro";
    let new = if cluster.count(DEMO, "SELECT current_setting('server_version_num')::bigint") >= 170_000 {
        vec![
            ("GRANT MAINTAIN ON other.t TO $", "REVOKE MAINTAIN ON other.t FROM $", Refused, "may write to 1"),
            ("GRANT MAINTAIN ON other.m TO PUBLIC", "REVOKE MAINTAIN ON other.m FROM PUBLIC", Refused, "other.m"),
            ("GRANT pg_maintain TO $", "REVOKE pg_maintain FROM $", Refused, "member of pg_maintain"),
        ]
    } else {
        vec![]
    };
    let cases = [
        ("ALTER ROLE $ SUPERUSER", "", Taken, "is a superuser"),
        ("GRANT INSERT, UPDATE (n) ON fuel.records TO $", "", Taken, "may write to 1"),
        ("GRANT UPDATE ON SEQUENCE fuel.numbers TO $", "", Taken, "may advance 1"),
        ("GRANT TEMPORARY ON DATABASE tracksolid_db TO PUBLIC", "", Taken, "temporary tables"),
        ("GRANT CREATE ON DATABASE tracksolid_db TO $", "", Taken, "may create schemas"),
        ("GRANT CREATE ON SCHEMA other TO PUBLIC", "", Taken, "create objects in the schema other"),
        ("GRANT EXECUTE ON FUNCTION pg_notify(text, text) TO PUBLIC, $", "", Taken, "pg_notify"),
        ("GRANT INSERT ON other.t TO $", "REVOKE INSERT ON other.t FROM $", Refused, "may write to 1"),
        ("GRANT TRIGGER ON other.t TO PUBLIC", "REVOKE TRIGGER ON other.t FROM PUBLIC", Refused, "may write to 1"),
        ("GRANT UPDATE (n) ON other.t TO $", "REVOKE UPDATE (n) ON other.t FROM $", Refused, "may write to 1"),
        ("GRANT DELETE ON other.v TO PUBLIC", "REVOKE DELETE ON other.v FROM PUBLIC", Refused, "other.v"),
        ("GRANT USAGE ON SEQUENCE other.s TO $", "REVOKE USAGE ON SEQUENCE other.s FROM $", Refused, "advance 1"),
        (
            "GRANT USAGE ON SEQUENCE fuel.numbers TO PUBLIC",
            "REVOKE USAGE ON SEQUENCE fuel.numbers FROM PUBLIC",
            Refused,
            "fuel.numbers",
        ),
        ("GRANT CREATE ON SCHEMA other TO $", "REVOKE CREATE ON SCHEMA other FROM $", Refused, "in the schema other"),
        (
            "GRANT CREATE ON DATABASE tracksolid_db TO PUBLIC",
            "REVOKE CREATE ON DATABASE tracksolid_db FROM PUBLIC",
            Refused,
            "may create schemas",
        ),
        (
            "GRANT CREATE ON TABLESPACE pg_default TO $",
            "REVOKE CREATE ON TABLESPACE pg_default FROM $",
            Refused,
            "tablespace pg_default",
        ),
        (
            "GRANT ALTER SYSTEM ON PARAMETER work_mem TO $",
            "REVOKE ALTER SYSTEM ON PARAMETER work_mem FROM $",
            Refused,
            "ALTER SYSTEM",
        ),
        ("ALTER TABLE other.t OWNER TO $", "ALTER TABLE other.t OWNER TO postgres", Refused, "table other.t"),
        ("ALTER SEQUENCE other.s OWNER TO $", "ALTER SEQUENCE other.s OWNER TO postgres", Refused, "sequence other.s"),
        (
            "ALTER MATERIALIZED VIEW other.m OWNER TO $",
            "ALTER MATERIALIZED VIEW other.m OWNER TO postgres",
            Refused,
            "view other.m",
        ),
        (
            "ALTER FUNCTION other.f() OWNER TO $",
            "ALTER FUNCTION other.f() OWNER TO postgres",
            Refused,
            "function other.f()",
        ),
        ("ALTER TYPE other.e OWNER TO $", "ALTER TYPE other.e OWNER TO postgres", Refused, "type other.e"),
        ("ALTER SCHEMA other OWNER TO $", "ALTER SCHEMA other OWNER TO postgres", Refused, "schema other"),
        (
            "ALTER DATABASE tracksolid_db OWNER TO $",
            "ALTER DATABASE tracksolid_db OWNER TO postgres",
            Refused,
            "database tracksolid_db",
        ),
        ("GRANT pg_write_all_data TO $", "REVOKE pg_write_all_data FROM $", Refused, "member of pg_write_all_data"),
        ("GRANT maker TO $", "REVOKE maker FROM $", Refused, "maker, which may create databases"),
        ("GRANT owning TO $", "REVOKE owning FROM $", Refused, "can become owning, which owns 1 objects"),
        ("CREATE ROLE fresh; GRANT fresh TO $", "DROP ROLE fresh", Warned, "member of fresh"),
        ("GRANT pg_monitor TO $", "REVOKE pg_monitor FROM $", Warned, "member of pg_monitor"),
        (
            "GRANT USAGE ON SCHEMA other TO $; GRANT SELECT ON other.t TO $",
            "REVOKE ALL ON SCHEMA other FROM $; REVOKE ALL ON other.t FROM $",
            Warned,
            "also reads the schema other",
        ),
        (
            "CREATE FUNCTION fuel.as_owner() RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER AS 'SELECT 1'",
            "DROP FUNCTION fuel.as_owner()",
            Warned,
            "fuel.as_owner()",
        ),
    ];
    for (grant, undo, outcome, part) in cases.into_iter().chain(new) {
        cluster.sql(DEMO, &grant.replace('$', ro));
        if outcome == Taken {
            let (before, _) = check_json(&dsn);
            assert!(before.to_string().contains(part), "{grant}: {part:?} is not in: {before}");
        }
        let warnings = role_script(&cluster, &[]);
        let (after, code) = check_json(&dsn);
        let findings = after["findings"].as_array().unwrap().iter();
        let found: Vec<(String, String)> = findings
            .map(|finding| {
                let prefix = if finding["refuse"] == true { "the server will not start: " } else { "" };
                (format!("{prefix}{}", finding["what"].as_str().unwrap()), finding["fix"].as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(warnings, found, "{grant}: the script and check differ");
        let (seen, expected) = match outcome {
            Refused => (after["suitable"] == false && after.to_string().contains(part), Some(78)),
            Warned => (after["suitable"] == true && after.to_string().contains(part), Some(0)),
            Taken => (found.is_empty(), Some(0)),
        };
        assert!(seen && code == expected, "{grant}: not {outcome:?} with {part:?}: {after}");
        if !undo.is_empty() {
            cluster.sql(DEMO, &undo.replace('$', ro));
        }
    }
    clean("all undone", &[]);
}

/// Names and schemas are what the rule goes by, so functions under them stand in for TimescaleDB, which a cluster must preload.
#[test]
fn what_acts_past_read_only_on_timescaledb_is_named_and_taken_by_the_role_script() {
    let cluster = Cluster::new();
    cluster.sql(
        DEMO,
        "CREATE ROLE before; CREATE SCHEMA _timescaledb_functions; GRANT USAGE ON SCHEMA _timescaledb_functions TO PUBLIC;
         CREATE SCHEMA public2; GRANT USAGE ON SCHEMA public2 TO PUBLIC;
         CREATE FUNCTION _timescaledb_functions.drop_chunk(regclass) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION _timescaledb_functions.compress_chunk(regclass) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION public2.drop_chunk(regclass) RETURNS bool LANGUAGE sql AS 'SELECT true';
         CREATE PROCEDURE _timescaledb_functions.cagg_migrate_update_watermark(int) LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    );
    let read_only = cluster.dsn("analytics_ro", DEMO);
    let dsn = [("DATABASE_URL", read_only.as_str())];
    let warnings = role_script(&cluster, &["touch_public=off"]);
    let (left, code) = check_json(&dsn);
    assert_eq!((&left["suitable"], code), (&json!(true), Some(0)), "{left}");
    let finding = left["findings"].as_array().unwrap().iter();
    let finding = finding.clone().find(|finding| finding["what"].as_str().unwrap().contains("TimescaleDB"));
    let finding = finding.unwrap_or_else(|| panic!("PUBLIC may still delete chunks: {left}"));
    for part in ["TimescaleDB", "drop_chunk", "cagg_migrate_update_watermark"] {
        assert!(finding["what"].as_str().unwrap().contains(part), "{part:?} is not in: {finding}");
    }
    assert!(finding["fix"].as_str().unwrap().contains("apply scripts/analytics_ro_role.sql"), "{finding}");
    assert!(warnings.iter().any(|(warning, _)| warning.contains("drop_chunk")), "{warnings:?}");
    // A procedure: the statement that the warning names has to work for it.
    let definer = left["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["what"].as_str().unwrap().contains("DEFINER"));
    let definer = definer.unwrap_or_else(|| panic!("{left}"));
    assert!(definer["fix"].as_str().unwrap().contains("REVOKE EXECUTE ON ROUTINE"), "{definer}");
    for _ in 0..2 {
        assert_eq!(role_script(&cluster, &[]), []);
        let (verdict, code) = check_json(&dsn);
        assert_eq!(
            (&verdict["suitable"], &verdict["findings"], code),
            (&json!(true), &json!([]), Some(0)),
            "{verdict}"
        );
    }
    cluster.sql(DEMO, "CREATE ROLE later");
    let may = |role: &str, function: &str| {
        let sql = format!("SELECT has_function_privilege('{role}', '{function}', 'EXECUTE')::int::bigint");
        cluster.count(DEMO, &sql) == 1
    };
    let drop_chunk = "_timescaledb_functions.drop_chunk(regclass)";
    assert!(may("before", drop_chunk), "what a role had through PUBLIC it keeps");
    assert!(!may("later", drop_chunk) && !may("analytics_ro", drop_chunk));
    assert!(may("later", "_timescaledb_functions.compress_chunk(regclass)"), "policies of later roles call it");
    assert!(may("later", "public2.drop_chunk(regclass)"), "somebody's own function of that name");
}

#[test]
fn check_without_a_database_says_so() {
    let dsn = format!("postgresql://a:throw-away@127.0.0.1:{}/d", crate::support::cluster::free_port());
    let run = run(&["check"], &[("DATABASE_URL", &dsn)]);
    assert_eq!(run.code, Some(1), "{}", run.told());
    assert!(run.stderr.contains("cannot be reached") && !run.told().contains("throw-away"), "{}", run.told());
}

#[test]
fn a_wrong_password_is_told_to_the_operator() {
    let dsn = Cluster::shared().dsn("analytics_ro", DEMO).replace("throw-away", "throw-wrong");
    let run = run(&["check"], &[("DATABASE_URL", &dsn)]);
    assert_eq!(run.code, Some(78), "{}", run.told());
    assert!(run.stderr.contains("password authentication failed"), "{}", run.told());
    assert!(!run.told().contains("throw-wrong"), "{}", run.told());
}

#[test]
fn the_dsn_may_come_from_a_file() {
    let path = std::env::temp_dir().join(format!("analytics-it-dsn-{}", std::process::id()));
    fs::write(&path, Cluster::shared().dsn("analytics_ro", DEMO) + "\n").unwrap();
    let run = run(&["check"], &[("DATABASE_URL", ""), ("DATABASE_URL_FILE", path.to_str().unwrap())]);
    fs::remove_file(&path).unwrap();
    assert_eq!(run.code, Some(0), "{}", run.told());
}

#[test]
fn help_and_version_need_no_settings() {
    let help = run(&["--help"], &[("MCP_NONSENSE", "1"), ("DATABASE_URL", "")]);
    assert_eq!(help.code, Some(0), "{}", help.told());
    for part in [
        "analytics_mcp check",
        "--json",
        "healthcheck",
        "DATABASE_URL",
        "MCP_AUTH_TOKENS_FILE",
        "MCP_STATEMENT_TIMEOUT [30s]",
    ] {
        assert!(help.stdout.contains(part), "{}", help.told());
    }
    let (shown, version) = (run(&["--version"], &[("DATABASE_URL", "")]), env!("CARGO_PKG_VERSION"));
    let revision = option_env!("ANALYTICS_MCP_REVISION").filter(|revision| !revision.is_empty());
    let expected = match revision {
        Some(revision) => format!("analytics_mcp {version} (revision {revision})\n"),
        None => format!("analytics_mcp {version}\n"),
    };
    assert_eq!((shown.code, shown.stdout), (Some(0), expected));
    let unknown = run(&["check", "--now"], &[("DATABASE_URL", "")]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.told());
    let unknown = run(&["serve", "--now"], &[("DATABASE_URL", "")]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.told());
}

#[test]
fn healthcheck_tells_whether_the_server_answers() {
    let server = Server::start(&[]);
    let here = format!("127.0.0.1:{}", server.port);
    assert_eq!(run(&["healthcheck"], &[("MCP_LISTEN", &here)]).code, Some(0));
    // In a container the server listens on every address.
    let everywhere = format!("0.0.0.0:{}", server.port);
    assert_eq!(run(&["healthcheck"], &[("MCP_LISTEN", &everywhere)]).code, Some(0));
    let nobody = run(&["healthcheck"], &[]);
    assert_eq!(nobody.code, Some(1), "{}", nobody.told());
}

/// The server goes on with the list that it has; a container that counted as unhealthy would be taken off the network.
#[test]
fn healthcheck_needs_nothing_but_the_address() {
    let server = Server::start(&[]);
    let here = format!("127.0.0.1:{}", server.port);
    let unusable = [
        ("MCP_AUTH_TOKENS", "dave:short"),
        ("MCP_AUTH_TOKENS_FILE", "/nowhere/tokens"),
        ("DATABASE_URL", "nonsense"),
        ("MCP_MAX_ROWS", "many"),
        ("MCP_NONSENSE", "1"),
    ];
    for setting in unusable {
        let run = run(&["healthcheck"], &[("MCP_LISTEN", &here), setting]);
        assert_eq!(run.code, Some(0), "{setting:?}: {}", run.told());
    }
    let nowhere = run(&["healthcheck"], &[("MCP_LISTEN", "nowhere")]);
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.told());
    assert!(nowhere.stderr.contains("MCP_LISTEN"), "{}", nowhere.told());
}

/// The old password is refused from one moment to the next; no call fails, and nothing is restarted.
#[test]
fn a_password_that_changes_in_the_file_needs_no_restart() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let path = std::env::temp_dir().join(format!("analytics-it-rotated-{}", std::process::id()));
    let url = cluster.dsn("reader", DEMO);
    fs::write(&path, &url).unwrap();
    let server =
        Server::start(&[("DATABASE_URL", ""), ("DATABASE_URL_FILE", path.to_str().unwrap()), ("MCP_POOL_MAX", "4")]);
    let alice = server.alice();
    assert!(!alice.query("SELECT * FROM fuel.records").is_error);
    for password in ["rotated-0123456789", "again-0123456789"] {
        cluster.sql(DEMO, &format!("ALTER ROLE reader PASSWORD '{password}'"));
        // No session that is open already may hide it.
        cluster.sql(DEMO, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'");
        let answers = thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| alice.query("SELECT * FROM fuel.records"))).collect();
            thread::sleep(Duration::from_millis(200)); // as long as it takes to write a file after a statement
            fs::write(&path, url.replace("throw-away-0123456789", password)).unwrap();
            asking.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
        });
        for answer in answers {
            assert!(!answer.is_error, "{:?}", answer.texts);
        }
    }
    // A mistake in the file is not the end.
    let right = fs::read_to_string(&path).unwrap();
    for wrong in
        [right.replace(DEMO, "no_such_database"), right.replace("127.0.0.1", "127.0.0.2"), "nonsense".to_owned()]
    {
        fs::write(&path, &wrong).unwrap();
        cluster.sql(DEMO, "ALTER ROLE reader PASSWORD 'meanwhile-0123456789'");
        cluster.sql(DEMO, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'");
        assert_eq!(alice.query("SELECT * FROM fuel.records").error()["code"], "DATABASE_UNAVAILABLE", "{wrong}");
        cluster.sql(DEMO, "ALTER ROLE reader PASSWORD 'again-0123456789'");
        fs::write(&path, right.replace("again-0123456789", "other-0123456789")).unwrap();
        cluster.sql(DEMO, "ALTER ROLE reader PASSWORD 'other-0123456789'");
        eventually("the corrected file is used", || {
            (!alice.query("SELECT * FROM fuel.records").is_error).then_some(())
        });
        fs::write(&path, &right).unwrap();
        cluster.sql(DEMO, "ALTER ROLE reader PASSWORD 'again-0123456789'");
    }
    fs::remove_file(&path).unwrap();
    assert!(
        !server.stderr().contains("other-")
            && !server.stderr().contains("again-")
            && !server.stderr().contains("rotated-"),
        "{}",
        server.stderr()
    );
}

#[test]
fn the_server_starts_without_the_database_and_works_once_it_is_there() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    let writer =
        "CREATE ROLE writer LOGIN PASSWORD 'throw-away-0123456789' IN ROLE pg_write_all_data, pg_read_all_data";
    cluster.sql(DEMO, writer);
    cluster.stop("fast");
    let (good, bad) = (cluster.dsn("reader", DEMO), cluster.dsn("writer", DEMO));
    std::thread::scope(|scope| {
        let good = scope.spawn(|| Server::start(&[("DATABASE_URL", &good)]));
        let bad = scope.spawn(|| Server::start(&[("DATABASE_URL", &bad)]));
        let (good, bad) = (good.join().unwrap(), bad.join().unwrap());
        good.wait_for_log("starting without the database");
        let initialized = good.alice().legacy("initialize", json!({ "protocolVersion": "2025-11-25" }));
        assert_eq!(initialized.status, 200, "connecting works meanwhile");
        let down = good.alice().query("SELECT * FROM fuel.records").error();
        assert_eq!(down["code"], "DATABASE_UNAVAILABLE", "{down}");
        cluster.start();
        let rows = eventually("the server finds the database", || {
            let answer = good.alice().query("SELECT * FROM fuel.records");
            (!answer.is_error).then(|| answer.rows())
        });
        assert_eq!(rows, [json!({ "n": 7 })]);
        // The role is looked at before the first query instead.
        let unfit = eventually("the database is found", || {
            let error = bad.alice().query("SELECT * FROM fuel.records").error();
            (error["code"] != "DATABASE_UNAVAILABLE").then_some(error)
        });
        assert_eq!(unfit["code"], "ROLE_UNFIT", "{unfit}");
        assert_eq!(bad.alice().call("list_schemas", json!({})).code(), "ROLE_UNFIT");
    });
}
