//! Refuse to start rather than run half-protected, and say what to do.

use std::{fs, net::TcpListener};

use serde_json::json;

use crate::support::{
    cluster::{Cluster, DEMO, HELPERS},
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
        (&[("MCP_READABLE_SCHEMAS", "reporting,pg_catalog")], &["MCP_READABLE_SCHEMAS", "pg_catalog"]),
        (&[("DATABASE_URL", "")], &["DATABASE_URL", "not set", "DATABASE_URL_FILE", "postgresql://"]),
        (&[("DATABASE_URL", "mysql://a:throw-away@b/c")], &["DATABASE_URL", "postgresql://"]),
        (
            &[("DATABASE_URL", "postgresql://a:throw-away@b:1/c?sslmode=verify-full")],
            &["DATABASE_URL", "needs sslrootcert=FILE"],
        ),
        (&[("MCP_PUBLIC_URL", "http://fleet.example.com")], &["MCP_PUBLIC_URL", "https"]),
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
    for (name, grants, parts) in [
        ("it_s_super", "ALTER ROLE $ SUPERUSER", &["is a superuser", "ALTER ROLE it_s_super NOSUPERUSER"][..]),
        ("it_s_rls", "ALTER ROLE $ BYPASSRLS", &["bypasses row security", "NOBYPASSRLS"]),
        ("it_s_roles", "ALTER ROLE $ CREATEROLE", &["may create roles", "NOCREATEROLE"]),
        ("it_s_dbs", "ALTER ROLE $ CREATEDB", &["may create databases", "NOCREATEDB"]),
        ("it_s_repl", "ALTER ROLE $ REPLICATION", &["may replicate", "NOREPLICATION"]),
        ("it_s_insert", "GRANT INSERT ON it.target TO $", &["may write to 1", "it.target", "REVOKE INSERT"]),
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
            &["may write to 1", "it.theirs"],
        ),
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
    assert!(run.stdout.starts_with("settings: usable\nrole: fit to be used; warnings: 0"), "{}", run.told());
    assert!(run.stderr.is_empty(), "{}", run.told());
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
    for part in
        ["analytics_mcp check", "healthcheck", "DATABASE_URL", "MCP_AUTH_TOKENS_FILE", "MCP_STATEMENT_TIMEOUT [30s]"]
    {
        assert!(help.stdout.contains(part), "{}", help.told());
    }
    let version = run(&["--version"], &[("DATABASE_URL", "")]);
    assert_eq!((version.code, version.stdout), (Some(0), format!("analytics_mcp {}\n", env!("CARGO_PKG_VERSION"))));
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

#[test]
fn the_server_starts_without_the_database_and_works_once_it_is_there() {
    let cluster = Cluster::new();
    cluster.sql(
        DEMO,
        "CREATE ROLE reader LOGIN PASSWORD 'throw-away-0123456789'; CREATE SCHEMA fuel; CREATE TABLE fuel.records AS SELECT 7 AS n;
         GRANT USAGE ON SCHEMA fuel TO reader; GRANT SELECT ON fuel.records TO reader;
         CREATE ROLE writer LOGIN PASSWORD 'throw-away-0123456789' IN ROLE pg_write_all_data, pg_read_all_data",
    );
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
