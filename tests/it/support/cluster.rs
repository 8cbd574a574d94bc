//! Throw-away PostgreSQL clusters on 127.0.0.1.
//!
//! [`Cluster::shared`] holds the demo fleet twice: `tracksolid_db` as `scripts/` make it, and `it_db`, a copy to which the
//! tests add helpers of their own (schema `it`). Tests that stop the database make a cluster of their own.

use std::{
    collections::HashMap,
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use postgres::{Client, NoTls};

use super::reaper;

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
            let root = output(Command::new("id").arg("-u")).trim() == "0";
            let bin = find_bin().unwrap_or_else(|| {
                panic!(
                    "PostgreSQL is not installed: found initdb and pg_ctl neither on PATH nor in /usr/lib/postgresql/*/bin. \
                     Install it with PostGIS, on Debian: apt-get install postgresql postgresql-postgis"
                )
            });
            let as_owner = if root {
                let known = Command::new("id").args(["-u", "postgres"]).output().is_ok_and(|out| out.status.success());
                assert!(known, "PostgreSQL does not run as root and there is no user postgres: useradd -r postgres");
                ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"].map(str::to_owned).to_vec()
            } else {
                vec!["env".to_owned()]
            };
            Programs { bin, as_owner }
        })
    }

    /// Another version's programs: `initdb`, `pg_ctl` and `postgres` at least.
    pub(crate) fn of(bin: &Path) -> Programs {
        assert!(is_complete(bin), "no initdb, pg_ctl and postgres in {}", bin.display());
        Programs { bin: bin.to_owned(), as_owner: Programs::get().as_owner.clone() }
    }

    fn command(&self, program: &str) -> Command {
        let mut words = self.as_owner.iter();
        let mut command = Command::new(words.next().expect("never empty"));
        command.args(words).arg(self.bin.join(program)).env("LC_ALL", "C");
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command
    }
}

fn is_complete(dir: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|name| dir.join(name).is_file())
}

fn find_bin() -> Option<PathBuf> {
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .filter_map(|dir| Some(fs::canonicalize(dir.join("initdb")).ok()?.parent()?.to_owned()))
        .find(|dir| is_complete(dir));
    on_path.or_else(|| {
        let version = |dir: &PathBuf| dir.file_name()?.to_str()?.parse::<u32>().ok();
        let mut versions: Vec<PathBuf> =
            fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        versions.sort_by_key(version);
        versions.into_iter().rev().map(|dir| dir.join("bin")).find(|dir| is_complete(dir))
    })
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

/// A running cluster. It is stopped and removed when the test process ends.
pub(crate) struct Cluster {
    pub(crate) port: u16,
    programs: Programs,
    /// The most KiB of address space for each of its processes.
    memory: Option<u64>,
    dir: PathBuf,
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
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("analytics-it-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        if programs.as_owner.len() > 1 {
            output(Command::new("chown").arg("postgres:").arg(&dir));
        }
        reaper::watch_cluster(&dir);
        let secret = dir.join("secret");
        fs::write(&secret, PASSWORD).unwrap();
        output(
            programs
                .command("initdb")
                .args(["-N", "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--pwfile"])
                .arg(&secret)
                .arg("-D")
                .arg(dir.join("data"))
                .current_dir(&dir),
        );
        // Somebody else may take a port between our look and PostgreSQL's.
        let cluster = (0..5)
            .find_map(|_| {
                let cluster = Cluster {
                    port: free_port(),
                    programs: programs.clone(),
                    memory,
                    dir: dir.clone(),
                    kept: Mutex::default(),
                };
                let settings = format!(
                    "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nmax_connections = 200\n\
                     fsync = off\nfull_page_writes = off\nsynchronous_commit = off\njit = off\nshared_buffers = '64MB'\n\
                     max_parallel_workers = 4\nlog_min_messages = fatal\n",
                    cluster.port
                );
                fs::write(dir.join("data/postgresql.auto.conf"), settings).unwrap();
                cluster.try_start().is_ok().then_some(cluster)
            })
            .unwrap_or_else(|| {
                let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                panic!("PostgreSQL does not start:\n{log}")
            });
        cluster.sql("postgres", &format!("CREATE DATABASE {DEMO}"));
        cluster
    }

    /// The cluster with the demo fleet, the project's role and the tests' own roles. Made once.
    pub(crate) fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let cluster = Cluster::new();
            cluster.must_have_postgis();
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

    fn must_have_postgis(&self) {
        let found =
            self.admin("postgres").query("SELECT FROM pg_available_extensions WHERE name = 'postgis'", &[]).unwrap();
        let bin = Programs::get().bin.display();
        assert!(
            !found.is_empty(),
            "PostGIS is not installed for the PostgreSQL in {bin}. On Debian: apt-get install postgresql-postgis"
        );
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
    pub(crate) fn stop(&self, mode: &str) {
        output(self.pg_ctl().args(["-m", mode, "stop"]));
    }

    /// Starts it again.
    pub(crate) fn start(&self) {
        self.try_start().unwrap();
    }

    fn try_start(&self) -> Result<(), String> {
        // A file takes what PostgreSQL says: a pipe would be held open by the daemon.
        let mut command = self.pg_ctl();
        command.arg("-l").arg(self.dir.join("log")).arg("start");
        if let Some(memory) = self.memory {
            let mut limited = Command::new("sh");
            limited.arg("-c").arg(format!("ulimit -v {memory} && exec \"$0\" \"$@\""));
            limited.arg(command.get_program()).args(command.get_args()).current_dir(&self.dir);
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => limited.env(name, value),
                    None => limited.env_remove(name),
                };
            }
            command = limited;
        }
        let status = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.programs.command("pg_ctl");
        command.args(["-s", "-w", "-t", "60", "-D"]).arg(self.dir.join("data")).current_dir(&self.dir);
        command
    }
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
