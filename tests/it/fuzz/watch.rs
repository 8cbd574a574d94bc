//! The cluster that the texts run against, and everything that must not change in it.
//!
//! It is a cluster of its own, so that each change in it is the fault of a text: nothing else writes, vacuums or makes
//! checkpoints. So one look at the next transaction id and at the end of the write-ahead log tells whether anything was
//! written since the last look.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use analytics_mcp::statement::Statement;
use postgres::{Client, NoTls};

use crate::support::{
    cluster::{Cluster, DEMO, Programs, output},
    eventually, within,
};

/// The database to which `scripts/analytics_ro_role.sql` has been applied; in [`DEMO`] PUBLIC has all that it has by
/// default, and every extension that this PostgreSQL brings along.
pub(super) const GUARDED: &str = "fuzz_role";
/// A role with the grants of a reader in [`DEMO`] and nothing taken away.
pub(super) const PLAIN: &str = "fuzz_plain";
/// The project's role, in [`GUARDED`].
pub(super) const RO: &str = "analytics_ro";

/// The cluster. Made once.
pub(super) fn cluster() -> Cluster {
    let cluster = Cluster::new();
    let mut admin = cluster.admin("postgres");
    for setting in [
        "autovacuum = off",
        "wal_level = minimal",
        "max_wal_senders = 0",
        "max_wal_size = '8GB'",
        "checkpoint_timeout = '1d'",
        "max_prepared_transactions = 4",
        "max_worker_processes = 4",
        "max_parallel_workers_per_gather = 1",
        "log_min_messages = log",
    ] {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).unwrap();
    }
    // Sessions come and go by the thousand; the check of a password takes longer than most texts.
    let hba: String = admin.query_one("SHOW hba_file", &[]).unwrap().get(0);
    admin.batch_execute(&format!("COPY (SELECT 'host all all 127.0.0.1/32 trust') TO '{hba}'")).unwrap();
    drop(admin);
    cluster.stop("fast");
    cluster.start();

    let bin = &Programs::get().bin;
    let path =
        env::join_paths([bin.clone()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
    let load = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo/load.sh");
    output(Command::new("bash").args([load, &cluster.dsn("postgres", DEMO), "20000"]).env("PATH", path.unwrap()));

    let own_dsn: postgres::Config = cluster.dsn(PLAIN, DEMO).parse().unwrap();
    let password = String::from_utf8_lossy(own_dsn.get_password().unwrap()).into_owned();
    cluster.sql(DEMO, &format!("CREATE DATABASE {GUARDED} TEMPLATE {DEMO}"));
    cluster.apply_role(GUARDED);
    cluster.sql(DEMO, &format!("CREATE ROLE {PLAIN} LOGIN PASSWORD '{password}'"));
    create_extensions(&cluster);
    cluster.sql(DEMO, include_str!("plain.sql"));
    for database in [DEMO, GUARDED] {
        cluster.sql(database, PROBE_FUNCTION);
        // Otherwise a reader would tidy up pages, and that is written to the log.
        cluster.sql(database, "VACUUM (FREEZE, ANALYZE)");
    }
    cluster.sql(DEMO, "CHECKPOINT");
    cluster
}

/// Creates every extension that this PostgreSQL brings along in [`DEMO`]. One that has to be preloaded is left out, as preloading
/// it would change the whole cluster: TimescaleDB then ends the session, so each has a connection of its own. Others may fail for
/// what they need besides, such as a Python.
fn create_extensions(cluster: &Cluster) {
    let names =
        "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY name LIKE '%tiger%', name";
    for row in cluster.admin(DEMO).query(names, &[]).unwrap() {
        let name: &str = row.get(0);
        let created = cluster.admin(DEMO).batch_execute(&format!("CREATE EXTENSION IF NOT EXISTS \"{name}\" CASCADE"));
        let Err(error) = created else { continue };
        // The driver may see the end of the session before it has told the reason.
        if error.is_closed() {
            eprintln!("without the extension {name}, which ended the session");
            continue;
        }
        let error = error.as_db_error().unwrap_or_else(|| panic!("CREATE EXTENSION {name}: {error:?}"));
        let fatal = error.severity() == "FATAL";
        assert!(!fatal || error.message().contains("must be preloaded"), "CREATE EXTENSION {name}: {error:?}");
        eprintln!("without the extension {name}: {}", error.message());
    }
}

/// What a text must not have changed, told by the session itself in the transaction in which the text ran: nothing, if
/// all is well. Locks other than those of readers (PostgreSQL looks at the last value of a sequence under the lock of a
/// writer; it conflicts with DDL only), a transaction id, prepared statements, cursors, a temporary schema,
/// channels, settings.
pub(super) const PROBE: Statement = Statement::own(PROBE_TEXT);
pub(super) const PROBE_TEXT: &str = "SELECT public.fuzz_probe()";

/// A function, so that it is planned once a session and not once a text.
const PROBE_FUNCTION: &str = "
    CREATE FUNCTION public.fuzz_probe() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN concat_ws('; ',
        (SELECT 'locks ' || string_agg(DISTINCT locktype || ' ' || mode, ', ') FROM pg_catalog.pg_locks
          WHERE pid = pg_catalog.pg_backend_pid() AND locktype <> 'virtualxid' AND (locktype, mode) <> ('relation', 'AccessShareLock')
            AND (mode <> 'RowExclusiveLock' OR (SELECT relkind FROM pg_catalog.pg_class WHERE oid = relation) IS DISTINCT FROM 'S')),
        'transaction id ' || pg_catalog.pg_current_xact_id_if_assigned()::text,
        (SELECT 'prepared ' || string_agg(name, ', ') FROM pg_catalog.pg_prepared_statements WHERE from_sql),
        (SELECT 'cursor ' || string_agg(name, ', ') FROM pg_catalog.pg_cursors
          WHERE name <> '' AND name NOT LIKE '<unnamed portal %'),
        'temporary schema ' || nullif(pg_catalog.pg_my_temp_schema(), 0),
        (SELECT 'listens ' || string_agg(c, ', ') FROM pg_catalog.pg_listening_channels() AS c),
        (SELECT 'settings ' || string_agg(name || '=' || coalesce(setting, ''), ' ' ORDER BY name) FROM pg_catalog.pg_settings
          WHERE source = 'session')); END $$";

/// Locks that readers have no business with, held by the fuzzed roles at this moment.
const LOCKS: &str = "
    SELECT DISTINCT l.locktype || ' ' || l.mode || ' of ' || a.usename
      FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE a.usename IN ('fuzz_plain', 'analytics_ro') AND l.locktype <> 'virtualxid'
       AND (l.locktype, l.mode) NOT IN (('relation', 'AccessShareLock'), ('relation', 'RowExclusiveLock'))
       -- A session that begins holds its database.
       AND l.classid IS DISTINCT FROM 'pg_database'::regclass";

/// Every row of every table, catalog and sequence of a database, as one number each, and what the server as a whole has.
const CONTENTS: &str = r"
    SELECT format('%s.%s', n.nspname, c.relname),
           (xpath('//c/text()', query_to_xml(format(CASE c.relkind
               WHEN 'S' THEN 'SELECT concat_ws('' '', last_value, log_cnt, is_called) AS c FROM %I.%I'
               ELSE 'SELECT count(*) || '' rows, '' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS c FROM %I.%I AS t'
               END, n.nspname, c.relname), false, true, '')))[1]::text
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname <> 'pg_toast'
    UNION ALL SELECT 'settings of the server', md5(string_agg(name || '=' || setting, ' ' ORDER BY name)) FROM pg_settings
               WHERE source NOT IN ('session', 'client') AND setting IS NOT NULL AND name !~ '\.'
    UNION ALL SELECT 'replication slots', count(*)::text FROM pg_replication_slots
    UNION ALL SELECT 'prepared transactions', count(*)::text FROM pg_prepared_xacts
    UNION ALL SELECT 'sessions killed', sum(sessions_killed)::text FROM pg_stat_database
    UNION ALL SELECT 'files of the cluster', string_agg(f, ' ' ORDER BY f) FROM pg_ls_dir('.') AS f
    UNION ALL SELECT 'files of the databases', md5(string_agg(d.oid || f, ' ' ORDER BY d.oid, f))
                FROM pg_database d, pg_ls_dir('base/' || d.oid) AS f WHERE f !~ '^t|pg_internal.init'
    UNION ALL SELECT 'exported snapshots', string_agg(f, ' ') FROM pg_ls_dir('pg_snapshots') AS f
    UNION ALL SELECT 'temporary files', string_agg(f::text, ' ') FROM pg_ls_tmpdir() AS f
    UNION ALL SELECT 'backup or recovery', (pg_is_in_recovery())::text
    UNION ALL SELECT 'when statistics were reset', string_agg(stats_reset::text, ' ' ORDER BY datname) FROM pg_stat_database";

/// Looks at the cluster from outside.
pub(super) struct Watch {
    admin: Client,
    dsn: String,
    sentinels: Vec<(i32, JoinHandle<String>)>,
    /// Locks that somebody saw while texts were running.
    seen: Arc<Mutex<BTreeSet<String>>>,
    end: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
    traces: String,
}

impl Watch {
    pub(super) fn new(cluster: &Cluster) -> Watch {
        let sentinels = [PLAIN, RO].map(|role| sentinel(cluster.client(role, DEMO))).into();
        let (seen, end) = (Arc::<Mutex<BTreeSet<String>>>::default(), Arc::<AtomicBool>::default());
        let (mut client, shared, stop) = (cluster.admin(DEMO), Arc::clone(&seen), Arc::clone(&end));
        let sampler = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let Ok(rows) = client.query(LOCKS, &[]) else { return };
                shared.lock().unwrap().extend(rows.iter().map(|row| row.get::<_, String>(0)));
                thread::sleep(Duration::from_millis(50));
            }
        });
        let mut watch = Watch {
            admin: cluster.admin("postgres"),
            dsn: cluster.dsn("postgres", "postgres"),
            sentinels,
            seen,
            end,
            sampler: Some(sampler),
            traces: String::new(),
        };
        eventually("the sentinels at work", || watch.traces().contains("2 sentinels asleep").then_some(()));
        watch.traces = watch.traces();
        watch
    }

    /// Sessions of the fuzzed roles that must not be ended: their process ids.
    pub(super) fn sentinel_pids(&self) -> Vec<i32> {
        self.sentinels.iter().map(|(pid, _)| *pid).collect()
    }

    /// What has changed since the last look, if anything. No text may be running.
    pub(super) fn changes(&mut self) -> Option<String> {
        let mut found = Vec::new();
        let traces = self.traces();
        if traces != self.traces {
            found.push(format!("before: {}; now: {traces}", self.traces));
            self.traces = traces;
        }
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        found.extend(seen.into_iter().map(|lock| format!("lock: {lock}")));
        (!found.is_empty()).then(|| found.join("\n"))
    }

    /// What a look from outside sees at once.
    fn traces(&mut self) -> String {
        // A session that the pool has closed needs a moment to go. One that stays is found before PostgreSQL ends it.
        let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
        if self.admin.is_valid(Duration::from_secs(10)).is_err() {
            self.admin = eventually("the end of the recovery", || Client::connect(&self.dsn, NoTls).ok());
            let log = "SELECT string_agg(l, E'\n') FROM regexp_split_to_table(
                pg_read_file(current_setting('data_directory') || '/../log'), E'\n(?=20)') AS l WHERE l ~ 'terminated by signal|DETAIL'";
            let log: Option<String> = self.admin.query_one(log, &[]).unwrap().get(0);
            return format!("PostgreSQL has crashed: {log:?}");
        }
        within(Duration::from_secs(4), || {
            (self.admin.query_one(open, &[]).unwrap().get::<_, i64>(0) == 0).then_some(())
        });
        let alive = self.sentinels.iter().filter(|(_, thread)| !thread.is_finished()).count();
        let sql = "SELECT format('next transaction id %s, log at %s, %s advisory locks, %s in a transaction, %s sentinels asleep, server up since %s',
            pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_insert_lsn(),
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),
            (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'),
            (SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1) AND state = 'active' AND query ~ '^SELECT pg_sleep'),
            pg_postmaster_start_time())";
        let pids = self.sentinel_pids();
        let row = self.admin.query_one(sql, &[&pids]).unwrap();
        format!("{}, {alive} sentinels undisturbed", row.get::<_, String>(0))
    }
}

/// Ends the sentinels, also when a test has failed.
impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for (pid, thread) in self.sentinels.drain(..) {
            let _ = self.admin.execute("SELECT pg_terminate_backend($1)", &[&pid]);
            let _ = thread.join();
        }
        if let Some(sampler) = self.sampler.take() {
            let _ = sampler.join();
        }
    }
}

/// A session in a long query; its thread ends when that is disturbed.
fn sentinel(mut client: Client) -> (i32, JoinHandle<String>) {
    client.batch_execute("SET statement_timeout = 0").unwrap();
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let thread = thread::spawn(move || format!("{:?}", client.batch_execute("SELECT pg_sleep(1000000)")));
    (pid, thread)
}

/// What there is in both databases and in the server.
pub(super) fn contents(cluster: &Cluster) -> BTreeMap<String, Option<String>> {
    let mut contents = BTreeMap::new();
    for database in [DEMO, GUARDED] {
        let rows = cluster.admin(database).query(CONTENTS, &[]).unwrap();
        contents.extend(rows.iter().map(|row| (format!("{database}: {}", row.get::<_, String>(0)), row.get(1))));
    }
    contents
}

/// What differs between two states of the cluster.
pub(super) fn differences(
    before: &BTreeMap<String, Option<String>>,
    after: &BTreeMap<String, Option<String>>,
) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| format!("{name}: {:?} became {:?}", before.get(name), after.get(name)))
        .collect()
}
