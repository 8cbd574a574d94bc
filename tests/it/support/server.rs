//! The real binary, started with the settings of a test.

use std::{
    fmt::Write as _,
    fs::OpenOptions,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    HANG,
    client::{self, Mcp},
    cluster::{Cluster, DEMO, free_port},
    eventually, reaper, within,
};

/// The tokens of the two analysts that every server here knows.
pub(crate) const ALICE: &str = "5c0e7a1fb9d24386ae17";
pub(crate) const BOB: &str = "e81d06c5f3b94a7270cd";

/// A running server. Dropping it sends SIGTERM and waits.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    stdout: Lines,
    stderr: Lines,
}

/// Lines that a process has written so far.
type Lines = Arc<Mutex<Vec<String>>>;

impl Server {
    /// A server on the demo database, with these settings beside the necessary ones. An empty value unsets one.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Server {
        let server = Server::start_unready(settings);
        server.wait_until_healthy();
        server
    }

    /// The same on the tests' own copy of the database.
    pub(crate) fn start_with_helpers(settings: &[(&str, &str)]) -> Server {
        let dsn = Cluster::shared().dsn("analytics_ro", super::cluster::HELPERS);
        let mut all = vec![("DATABASE_URL", dsn.as_str())];
        all.extend_from_slice(settings);
        Server::start(&all)
    }

    /// The same with a standard output of its own, which is not collected.
    pub(crate) fn start_with_stdout(settings: &[(&str, &str)], path: &str) -> Server {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let server = Server::spawn(settings, file.into());
        server.wait_until_healthy();
        server
    }

    fn start_unready(settings: &[(&str, &str)]) -> Server {
        Server::spawn(settings, Stdio::piped())
    }

    fn spawn(settings: &[(&str, &str)], stdout: Stdio) -> Server {
        let port = free_port();
        let mut child =
            command(&[], port, settings).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        reaper::watch_process(child.id());
        let stdout = child.stdout.take().map(collect).unwrap_or_default();
        let stderr = collect(child.stderr.take().unwrap());
        Server { child, port, stdout, stderr }
    }

    fn wait_until_healthy(&self) {
        let healthy = within(HANG, || {
            let answer = client::try_request(self.port, "GET", "/healthz", &[], b"").ok()?;
            (answer.status == 200).then_some(())
        });
        assert!(healthy.is_some(), "the server does not come up:\n{}", self.stderr());
    }

    /// A client of alice's.
    pub(crate) fn alice(&self) -> Mcp {
        Mcp::new(self.port, ALICE)
    }

    /// A client of bob's.
    pub(crate) fn bob(&self) -> Mcp {
        Mcp::new(self.port, BOB)
    }

    /// The first audit line that fits, as soon as it is there.
    #[track_caller]
    pub(crate) fn audit(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("an audit line: {what}"), || {
            let lines = self.stdout.lock().unwrap();
            lines
                .iter()
                .map(|line| {
                    serde_json::from_str::<Value>(line)
                        .unwrap_or_else(|error| panic!("an audit line that is not JSON ({error}): {line}"))
                })
                .find(|line| fits(line))
        })
    }

    /// Everything on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().join("\n")
    }

    /// Everything on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }

    /// Waits until standard error holds `part`.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, part: &str) {
        let found = within(HANG, || self.stderr().contains(part).then_some(()));
        assert!(found.is_some(), "never logged {part:?}:\n{}", self.stderr());
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end of a server that was told to stop.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the end of the server", || self.child.try_wait().unwrap())
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal("TERM");
            if within(Duration::from_secs(20), || self.child.try_wait().unwrap()).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        reaper::ended(self.child.id());
        if thread::panicking() {
            let stdout = self.stdout();
            let skip = stdout.lines().count().saturating_sub(10);
            let last: Vec<&str> = stdout.lines().skip(skip).collect();
            eprintln!("--- the server said:\n{}\n{}\n---", last.join("\n"), self.stderr());
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let collected = Arc::clone(&lines);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            collected.lock().unwrap().push(line);
        }
    });
    lines
}

/// The binary with the necessary settings, and those of the test.
fn command(arguments: &[&str], port: u16, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_analytics_mcp"));
    command
        .args(arguments)
        .env_clear()
        .env("MCP_LISTEN", format!("127.0.0.1:{port}"))
        .env("MCP_AUTH_TOKENS", format!("alice:{ALICE},bob:{BOB}"))
        .envs(settings.iter().copied());
    if !settings.iter().any(|(name, _)| name.starts_with("DATABASE_URL")) {
        command.env("DATABASE_URL", Cluster::shared().dsn("analytics_ro", DEMO));
    }
    command
}

/// How a run of the binary ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Exit code and everything said, for messages.
    pub(crate) fn told(&self) -> String {
        let mut told = String::new();
        let _ = write!(told, "exit code {:?}\n{}{}", self.code, self.stdout, self.stderr);
        told
    }
}

/// Runs the binary to its end.
#[track_caller]
pub(crate) fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Run {
    let mut child = command(arguments, free_port(), settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    reaper::watch_process(child.id());
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let stdout = thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let stderr = thread::spawn(move || {
        let mut text = String::new();
        let _ = err.read_to_string(&mut text);
        text
    });
    let ended = within(HANG, || child.try_wait().unwrap());
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    reaper::ended(child.id());
    let run = Run {
        code: ended.and_then(|status| status.code()),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(ended.is_some(), "it does not end: {arguments:?} {settings:?}\n{}", run.told());
    run
}
