//! After every call the session is as new, whatever a function left behind; a session in doubt is closed.
//!
//! Below the guard and the wrapper: these tests hand their texts to the database layer itself, with one session in the
//! pool, so that the next call gets the same one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use analytics_mcp::{
    db::{Caller, Cancel, Database, Flow, Reason},
    error::Code,
    guard,
    statement::Statement,
};

use crate::support::{
    cluster::{Cluster, HELPERS},
    eventually,
    library::{known, one_session, pool, rows, rows_with, sqlstate, statement, text},
};

/// Everything by which one session can differ from another, but for its process id.
const SNAPSHOT: &str = "SELECT concat_ws(E'\\n',
    'user ' || current_user || ' ' || session_user,
    'temp ' || pg_my_temp_schema(),
    (SELECT string_agg('lock ' || locktype || ' ' || mode, E'\\n' ORDER BY 1) FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
    (SELECT string_agg('prepared ' || name, E'\\n') FROM pg_prepared_statements WHERE from_sql),
    (SELECT string_agg('cursor ' || name, E'\\n') FROM pg_cursors WHERE is_holdable),
    (SELECT string_agg('channel ' || c, E'\\n') FROM pg_listening_channels() AS c),
    (SELECT string_agg(name || ' = ' || coalesce(setting, 'null'), E'\\n' ORDER BY name) FROM pg_settings))";

const IT: Caller = Caller::Server("it");

fn snapshot(database: &Database) -> String {
    // A language that is loaded for the first time brings settings of its own along.
    text(database, "it.run('SELECT 1')").unwrap();
    rows(database, SNAPSHOT).unwrap().concat()
}

fn pid(database: &Database) -> String {
    text(database, "pg_backend_pid()").unwrap()
}

#[track_caller]
fn same(before: &str, after: &str, what: &str) {
    let changed: Vec<&str> = after.lines().filter(|line| !before.lines().any(|known| known == *line)).collect();
    assert!(changed.is_empty() && before.lines().count() == after.lines().count(), "{what} left: {changed:#?}");
}

#[test]
fn no_mess_reaches_the_next_call() {
    let as_owner = |statement: &str| format!("it.run_as_owner($mess${statement}$mess$)");
    let as_caller = |statement: &str| format!("it.run($mess${statement}$mess$)");
    let cases: Vec<(&str, String)> = vec![
        ("analytics_ro", as_owner("SELECT pg_advisory_lock(42)")),
        (
            "analytics_ro",
            as_owner("SELECT pg_advisory_lock_shared(7, 8), pg_advisory_lock(g) FROM generate_series(1, 50) g"),
        ),
        ("analytics_ro", as_owner("SELECT pg_advisory_xact_lock(43)")),
        ("analytics_ro", as_owner("SELECT set_config('search_path', 'evil', false)")),
        ("analytics_ro", as_owner("SELECT set_config('work_mem', '2GB', false)")),
        ("analytics_ro", as_owner("SELECT set_config('statement_timeout', '0', false)")),
        ("analytics_ro", as_owner("SELECT set_config('lock_timeout', '0', false)")),
        ("analytics_ro", as_owner("SELECT set_config('default_transaction_read_only', 'off', false)")),
        ("analytics_ro", as_owner("SELECT set_config('TimeZone', 'Pacific/Apia', false)")),
        ("analytics_ro", as_owner("SELECT set_config('DateStyle', 'German', false)")),
        ("analytics_ro", as_owner("SELECT set_config('application_name', 'somebody else', false)")),
        ("analytics_ro", as_owner("SET SESSION temp_file_limit = -1")),
        ("it_super", as_caller("SET SESSION ROLE it_writer")),
        ("it_super", as_caller("SET SESSION AUTHORIZATION it_writer")),
        ("it_super", as_caller("SET ROLE it_writer")),
        ("analytics_ro", as_caller("PREPARE evil AS SELECT 1")),
        ("analytics_ro", as_owner("PREPARE evil AS SELECT 1")),
        ("analytics_ro", as_caller("DECLARE evil CURSOR WITH HOLD FOR SELECT 1")),
        ("it_super", "(SELECT count(setseed(0.5)) FROM (SELECT it.run('SELECT 1')) AS q)".to_owned()),
    ];
    for (role, mess) in cases {
        let database = one_session(role);
        let (before, first) = (snapshot(&database), pid(&database));
        let outcome = text(&database, &mess);
        assert_eq!(sqlstate(&outcome), "ran", "{mess}");
        same(&before, &snapshot(&database), &mess);
        assert_eq!(pid(&database), first, "{mess}: the session is used again");
    }
}

/// The driver asks for a type that it does not know by statements that it prepares and keeps, so these must outlive the call, and
/// one that a function has left must not.
#[test]
fn statements_of_the_driver_are_kept_and_others_end_the_session() {
    let database = one_session("analytics_ro");
    let shapes = guard::admit("SELECT ST_MakePoint(1, 2) AS at, NULL::it.mess AS mess", known()).unwrap();
    let shapes = Statement::query(&shapes, 1);
    Cluster::shared().sql(HELPERS, "CREATE TYPE it.mess AS ENUM ('a')");
    let evil = statement("SELECT it.run('PREPARE evil AS SELECT 1')");
    let call = |evil: Option<&Statement>| {
        let columns = database.read(&IT, &Arc::default(), Instant::now(), |mut reading| {
            let columns = reading.prepare(&shapes)?.columns;
            evil.map_or(Ok(()), |evil| reading.run(evil, &[], (), |(), _| Flow::More))?;
            Ok(columns)
        });
        let columns = columns.unwrap();
        assert_eq!([&columns[0].type_name, &columns[1].type_name], ["geometry", "mess"]);
    };
    let first = pid(&database);
    for _ in 0..3 {
        call(None);
        assert_eq!(pid(&database), first);
    }
    call(Some(&evil));
    assert_ne!(pid(&database), first);
    call(None);
}

/// The seed of `random()` belongs to the session and survives a rollback: one analyst could foretell another's sample.
#[test]
fn the_seed_of_random_is_drawn_anew() {
    let database = one_session("analytics_ro");
    let mut seen = Vec::new();
    for _ in 0..3 {
        text(&database, "setseed(0.42)").unwrap();
        seen.push(text(&database, "random()").unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Statements of which PostgreSQL refuses most: the session must be as new after them too.
#[test]
fn no_statement_reaches_the_next_call() {
    for (role, statement, state) in [
        ("it_writer", "CREATE TEMPORARY TABLE t (n int)", "25006"),
        ("it_writer", "CREATE TABLE it.t (n int)", "25006"),
        ("it_writer", "INSERT INTO it.target VALUES (99, 'x')", "25006"),
        ("it_writer", "SET TRANSACTION READ WRITE", "25001"),
        ("it_writer", "SELECT set_config('transaction_read_only', 'off', false)", "25001"),
        ("it_writer", "COMMIT", "0A000"),
        ("it_writer", "ROLLBACK", "0A000"),
        ("it_writer", "LISTEN evil", "ran"),
        ("it_writer", "NOTIFY evil", "ran"),
        ("it_writer", "LOCK TABLE it.target IN ACCESS EXCLUSIVE MODE", "ran"),
        ("it_writer", "PREPARE TRANSACTION 'evil'", "0A000"),
        ("it_super", "COPY it.target TO PROGRAM 'cat > /dev/null'", "ran"),
        ("it_super", "DISCARD ALL", "25001"),
        ("it_writer", "VACUUM it.target", "25001"),
    ] {
        let database = one_session(role);
        let before = snapshot(&database);
        let outcome = text(&database, &format!("it.run($mess${statement}$mess$)"));
        let found = sqlstate(&outcome);
        assert_eq!(found, state, "{statement}: {outcome:?}");
        same(&before, &snapshot(&database), statement);
    }
}

#[test]
fn a_panic_costs_its_session_and_nothing_else() {
    let database = one_session("analytics_ro");
    let first = pid(&database);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let rows = statement("SELECT note FROM it.target");
        database.read(&IT, &Arc::default(), Instant::now(), |reading| {
            reading.run_last(&rows, &[], (), |(), _| -> Flow { panic!("in the middle of a row") })
        })
    }));
    assert!(panicked.is_err());
    assert_ne!(pid(&database), first, "the session with the open transaction is not given out again");
    let open = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {first}");
    eventually("the session ends", || (Cluster::shared().count(HELPERS, &open) == 0).then_some(()));
    assert_eq!(text(&database, "(SELECT count(*) FROM it.target)").unwrap(), "10");
}

/// The driver closes each prepared statement, and waits for the answer to that when it is dropped.
#[test]
fn a_session_that_is_given_up_ends_at_once() {
    let sql = Statement::query(&guard::admit("SELECT 1 AS n", known()).unwrap(), 10);
    for run in [true, false] {
        let database = one_session("analytics_ro");
        let first = pid(&database);
        let read = database.read(&IT, &Arc::default(), Instant::now(), |mut reading| {
            let prepared = reading.prepare(&sql)?;
            if run {
                reading.run_prepared(&prepared, 0, |rows, _| {
                    *rows += 1;
                    Flow::More
                })
            } else {
                Ok(1)
            }
        });
        assert_eq!(read.unwrap(), 1);
        let began = Instant::now();
        drop(database);
        let open = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {first}");
        eventually("the session ends", || (Cluster::shared().count(HELPERS, &open) == 0).then_some(()));
        assert!(began.elapsed().as_secs() < 4, "{:?}", began.elapsed());
    }
}

#[test]
fn errors_and_early_ends_leave_a_usable_session() {
    let database = one_session("analytics_ro");
    for _ in 0..20 {
        assert_eq!(sqlstate(&text(&database, "1 / (random() * 0)::int")), "22012");
        assert_eq!(sqlstate(&text(&database, "nothing")), "42703");
        let many = statement("SELECT g::text FROM generate_series(1, 1000000) AS g");
        let stopped = database.read(&IT, &Arc::default(), Instant::now(), |reading| {
            reading.run_last(&many, &[], 0, |seen, _| {
                *seen += 1;
                if *seen == 3 { Flow::Stop } else { Flow::More }
            })
        });
        assert_eq!(stopped.unwrap(), 3);
        assert_eq!(
            text(&database, "(SELECT count(*) FROM it.target)").unwrap(),
            "10",
            "the stop hits no later statement"
        );
    }
}

/// PostgreSQL delivers a cancel request as two signals, and the second may be late. Here it is sent by hand, again and again,
/// while the next call runs.
#[test]
fn a_cancel_request_never_reaches_the_next_call() {
    let database = one_session("analytics_ro");
    for _ in 0..5 {
        let first = pid(&database);
        let cancel = Arc::<Cancel>::default();
        let running =
            format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {first} AND query LIKE '%it.nap(60)%'");
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                eventually("the call runs", || (Cluster::shared().count(HELPERS, &running) == 1).then_some(()));
                cancel.request(Reason::Requested);
            });
            rows_with(&database, &cancel, "SELECT n::text FROM it.nap(60) AS n")
        });
        assert_eq!(result.unwrap_err().code, Code::Cancelled);
        let over = AtomicBool::new(false);
        let next = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _ = Command::new("kill").args(["-INT", &first]).stderr(Stdio::null()).status();
                }
            });
            let next = text(&database, "it.nap(0.3)");
            over.store(true, Ordering::Relaxed);
            next
        });
        assert_eq!(next.unwrap(), "1", "the late signal hit another call");
        assert_ne!(pid(&database), first, "a session that was sent a cancel request is used again");
    }
}

#[test]
fn a_call_that_is_cancelled_before_it_begins_runs_nothing() {
    let database = one_session("analytics_ro");
    let cancel = Arc::<Cancel>::default();
    cancel.request(Reason::HangUp);
    let ran = AtomicBool::new(false);
    let result = database.read(&IT, &cancel, Instant::now(), |_| {
        ran.store(true, Ordering::Relaxed);
        Ok(())
    });
    assert_eq!(result.unwrap_err().code, Code::Cancelled);
    assert!(!ran.load(Ordering::Relaxed));
}

#[test]
fn the_analyst_is_named_to_the_database() {
    let database = one_session("analytics_ro");
    assert_eq!(text(&database, "current_setting('application_name')").unwrap(), "mcp:it");
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcp:it' AND state = 'idle'";
    assert_eq!(Cluster::shared().count(HELPERS, idle), 0, "the name ends with the call");
}

#[test]
fn the_limits_of_a_session_are_those_of_the_settings() {
    let database = pool(&Cluster::shared().dsn("it_writer", HELPERS), &[("MCP_STATEMENT_TIMEOUT", "7s")]);
    for (name, value) in [
        ("transaction_read_only", "on"),
        ("default_transaction_read_only", "on"),
        ("statement_timeout", "7s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "12s"),
    ] {
        assert_eq!(text(&database, &format!("current_setting('{name}')")).unwrap(), value, "{name}");
    }
}
