//! Throw-away PostgreSQL clusters on 127.0.0.1, which the script `tests/postgres` makes and removes.
//!
//! [`Cluster::shared`] holds the demo fleet twice: `tracksolid_db` as `scripts/` make it, and `it_db`, a copy to which the
//! tests add helpers of their own (schema `it`). Tests that stop the database make a cluster of their own.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use postgres::{Client, NoTls};

/// The password of every role here.
pub(crate) const PASSWORD: &str = "throw-away-0123456789";
/// The database as `scripts/` make it. Nothing may be changed in it.
pub(crate) const DEMO: &str = "tracksolid_db";
/// A role that may read one table, for a cluster of a test's own.
pub(crate) const READER: &str = "
    CREATE ROLE reader LOGIN PASSWORD 'throw-away-0123456789';
    CREATE SCHEMA fuel;
    CREATE TABLE fuel.records AS SELECT 7 AS n;
    GRANT USAGE ON SCHEMA fuel TO reader;
    GRANT SELECT ON fuel.records TO reader;
";
/// The copy with the tests' helpers.
pub(crate) const HELPERS: &str = "it_db";

/// Beside those that `tests/postgres` sets itself.
const SETTINGS: &[&str] =
    &["max_connections=200", "jit=off", "shared_buffers=64MB", "max_parallel_workers=4", "log_min_messages=fatal"];

/// Where PostgreSQL's programs are, and how to run them as a user who may own a cluster.
#[derive(Clone)]
pub(crate) struct Programs {
    pub(crate) bin: PathBuf,
    pub(crate) as_owner: Vec<String>,
}

impl Programs {
    pub(crate) fn get() -> &'static Programs {
        static PROGRAMS: OnceLock<Programs> = OnceLock::new();
        PROGRAMS.get_or_init(|| {
            let found = output(throw_away().arg("--where"));
            let user = line(&found, "user=");
            let as_owner = if user.is_empty() {
                vec!["env".to_owned()]
            } else {
                let as_user = ["setpriv", &format!("--reuid={user}"), &format!("--regid={user}"), "--init-groups"];
                as_user.map(str::to_owned).to_vec()
            };
            Programs { bin: line(&found, "bin=").into(), as_owner }
        })
    }

    /// Another version's programs: `initdb`, `pg_ctl` and `postgres` at least.
    pub(crate) fn of(bin: &Path) -> Programs {
        Programs { bin: bin.to_owned(), as_owner: Programs::get().as_owner.clone() }
    }
}

fn throw_away() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres"))
}

/// What `tests/postgres` said after this mark.
#[track_caller]
fn line<'a>(said: &'a str, mark: &str) -> &'a str {
    said.lines().find_map(|line| line.strip_prefix(mark)).unwrap_or_else(|| panic!("tests/postgres failed:\n{said}"))
}

/// Runs to the end; panics with everything it said when it fails.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}:\n{stdout}{stderr}");
    stdout.into_owned()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running cluster. It is stopped and removed when it is dropped, or when the test process ends.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    dir: PathBuf,
    /// `tests/postgres`, which stops PostgreSQL when its standard input ends.
    keeper: Child,
    commands: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
    /// Connections of the superuser that are kept for [`Cluster::count`], by database: a password takes its time.
    kept: Mutex<HashMap<String, Client>>,
}

impl Cluster {
    /// An empty cluster with a database `tracksolid_db`.
    pub(crate) fn new() -> Cluster {
        Cluster::with(Programs::get(), None)
    }

    /// The same with other programs, and with at most so many KiB of address space for each process: what would take
    /// the machine's memory then ends with an error.
    pub(crate) fn with(programs: &Programs, memory: Option<u64>) -> Cluster {
        let mut command = throw_away();
        command.arg("--bin").arg(&programs.bin).args(SETTINGS).env("PG_SUPERUSER_PASSWORD", PASSWORD);
        if let Some(memory) = memory {
            command.arg("--memory").arg(memory.to_string());
        }
        let mut keeper = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0) // Ctrl-C is for the tests
            .spawn()
            .expect("bash starts");
        let mut answers = BufReader::new(keeper.stdout.take().expect("piped"));
        let said = read_until(&mut answers, &["ready"]);
        let cluster = Cluster {
            port: line(&said, "port=").parse().expect("a port"),
            dir: line(&said, "dir=").into(),
            commands: Mutex::new(keeper.stdin.take().map(|commands| (commands, answers))),
            keeper,
            kept: Mutex::default(),
        };
        cluster.sql("postgres", &format!("CREATE DATABASE {DEMO}"));
        cluster
    }

    /// The cluster with the demo fleet, the project's role and the tests' own roles. Made once.
    pub(crate) fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let cluster = Cluster::new();
            cluster.load_demo();
            cluster.sql("postgres", &format!("CREATE DATABASE {HELPERS} TEMPLATE {DEMO}"));
            cluster.sql("postgres", TEST_ROLES);
            for database in [DEMO, HELPERS] {
                cluster.apply_role(database);
            }
            cluster.sql(HELPERS, TEST_HELPERS);
            cluster
        })
    }

    fn load_demo(&self) {
        let path = env::join_paths(
            [Programs::get().bin.clone()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        )
        .unwrap();
        output(
            Command::new("bash")
                .arg(script("demo/load.sh"))
                .args([&self.dsn("postgres", DEMO), "20000"])
                .env("PATH", path),
        );
    }

    /// Applies `scripts/analytics_ro_role.sql`, as production does.
    pub(crate) fn apply_role(&self, database: &str) {
        self.apply_role_telling(database);
    }

    /// The same; returns what the script says beside its errors: its notices and warnings.
    pub(crate) fn apply_role_telling(&self, database: &str) -> String {
        // The cluster's own programs may be without psql.
        let psql = Programs::get().bin.join("psql");
        let mut command = Command::new(psql);
        command
            .args(["-X", "-q", "-v", &format!("ro_pw={PASSWORD}"), "-v", "connections=100", "-d"])
            .args([&self.dsn("postgres", database), "-f"])
            .arg(script("analytics_ro_role.sql"));
        let Output { status, stdout, stderr } = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{command:?} ended with {status}:\n{said}");
        said
    }

    /// How a role reaches a database.
    pub(crate) fn dsn(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection as any role, without anything that this project adds.
    pub(crate) fn client(&self, role: &str, database: &str) -> Client {
        Client::connect(&self.dsn(role, database), NoTls).unwrap()
    }

    /// A connection of the superuser.
    pub(crate) fn admin(&self, database: &str) -> Client {
        self.client("postgres", database)
    }

    /// Runs a script as superuser.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, script: &str) {
        self.admin(database).batch_execute(script).unwrap_or_else(|error| panic!("{error:?}\n{script}"));
    }

    /// One number, asked as superuser.
    #[track_caller]
    pub(crate) fn count(&self, database: &str, sql: &str) -> i64 {
        self.try_count(database, sql).unwrap()
    }

    /// One text, asked as superuser.
    #[track_caller]
    pub(crate) fn text(&self, database: &str, sql: &str) -> String {
        self.admin(database).query_one(sql, &[]).unwrap().get(0)
    }

    /// One number, while the database may be down or out of resources.
    pub(crate) fn try_count(&self, database: &str, sql: &str) -> Result<i64, postgres::Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.get(database).is_none_or(Client::is_closed) {
            let client = Client::connect(&self.dsn("postgres", database), NoTls)?;
            kept.insert(database.to_owned(), client);
        }
        let client = kept.get_mut(database).expect("just put there");
        Ok(client.query_one(sql, &[])?.get(0))
    }

    /// Where it keeps its files; the folder `data` in it is PostgreSQL's own.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds lines to its configuration and restarts it with them.
    pub(crate) fn configure(&self, lines: &str) {
        let file = self.dir.join("data/postgresql.auto.conf");
        let settings = fs::read_to_string(&file).unwrap();
        fs::write(&file, settings + lines).unwrap();
        self.stop("fast");
        self.start();
    }

    /// Stops PostgreSQL; `mode` is one of pg_ctl's: `fast`, `immediate`.
    #[track_caller]
    pub(crate) fn stop(&self, mode: &str) {
        self.tell(&format!("stop {mode}"));
    }

    /// Starts it again.
    #[track_caller]
    pub(crate) fn start(&self) {
        self.tell("start");
    }

    #[track_caller]
    fn tell(&self, command: &str) {
        let mut commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, from) = commands.as_mut().expect("there until the cluster is dropped");
        writeln!(to, "{command}").expect("tests/postgres lives as long as the cluster");
        let said = read_until(from, &["done", "failed"]);
        assert!(said.ends_with("done\n"), "{command}: {said}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        *self.commands.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.keeper.wait();
    }
}

/// Reads up to and with one of these lines, or to the end.
fn read_until(from: &mut BufReader<ChildStdout>, last: &[&str]) -> String {
    let mut said = String::new();
    while from.read_line(&mut said).is_ok_and(|count| count > 0)
        && !said.lines().next_back().is_some_and(|line| last.contains(&line))
    {}
    said
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

/// Roles beside `analytics_ro`. They are made before its script runs, so that they keep what PUBLIC had.
///
/// `it_plain`: the grants of the guide and nothing else. `it_writer`: may also change, create and use temporary tables.
/// `it_super`: a superuser.
const TEST_ROLES: &str = "
    CREATE ROLE it_plain LOGIN PASSWORD 'throw-away-0123456789';
    CREATE ROLE it_writer LOGIN PASSWORD 'throw-away-0123456789';
    CREATE ROLE it_super LOGIN SUPERUSER PASSWORD 'throw-away-0123456789';
";

/// What the tests need in their own copy: tables to attack, and functions that do what no query may.
const TEST_HELPERS: &str = include_str!("helpers.sql");
