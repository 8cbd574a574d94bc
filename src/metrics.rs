//! What is counted, in the text format of Prometheus (version 0.0.4).
//!
//! Calls are counted by the [`crate::audit::Entry`] that records them, so log and metrics agree. Labels come from closed sets
//! (analysts' names and process numbers among them): nothing that a client writes can add one.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{REVISION, VERSION, db::Ending};

/// Upper bounds of the buckets for how long a call took, in seconds; the statement's time limit is at most 55.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// The counters of this process.
pub struct Metrics {
    counters: Mutex<Counters>,
    /// In seconds of the Unix epoch.
    since: i64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics { counters: Mutex::default(), since: jiff::Timestamp::now().as_second() }
    }
}

#[derive(Default)]
struct Counters {
    calls: BTreeMap<(&'static str, &'static str), u64>,
    failures: BTreeMap<&'static str, u64>,
    seconds: BTreeMap<&'static str, Histogram>,
    rows: u64,
    bytes: u64,
    sign_ins: u64,
    sign_ins_refused: u64,
    audit_failures: u64,
}

#[derive(Default)]
struct Histogram {
    /// For each bound, how many calls took at most that long.
    within: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

/// A call that has ended.
pub struct Call {
    /// The tool's name, or `unknown`.
    pub tool: &'static str,
    /// `ok`, `refused`, `error` or `panic`.
    pub outcome: &'static str,
    /// The failure's code, if it is one.
    pub code: Option<&'static str>,
    /// How many rows were answered.
    pub rows: u32,
    /// How many bytes of text were answered.
    pub bytes: usize,
    /// From the request to the answer, waiting included.
    pub took: Duration,
}

/// What is measured when the metrics are requested.
pub struct Gauges {
    /// Client connections that are open.
    pub client_connections: usize,
    /// Calls that are running, or waiting for a database connection.
    pub calls_running: usize,
    /// Database connections that are open, and how many of them are idle.
    pub database: (u32, u32),
    /// The most database connections.
    pub database_max: u32,
    /// Statements that PostgreSQL did not end in time.
    pub stuck: Vec<Ending>,
    /// Whether a query would run now.
    pub ready: bool,
    /// Personal tokens on the list.
    pub tokens: usize,
    /// Listed columns that the role cannot read.
    pub hidden_columns: usize,
}

impl Metrics {
    /// Counts a call.
    pub fn call(&self, call: &Call) {
        let mut counters = self.lock();
        add(counters.calls.entry((call.tool, call.outcome)).or_default(), 1);
        if let Some(code) = call.code {
            add(counters.failures.entry(code).or_default(), 1);
        }
        add(&mut counters.rows, call.rows.into());
        add(&mut counters.bytes, u64::try_from(call.bytes).unwrap_or(u64::MAX));
        let histogram = counters.seconds.entry(call.tool).or_default();
        let seconds = call.took.as_secs_f64();
        for (count, bound) in histogram.within.iter_mut().zip(BUCKETS) {
            add(count, u64::from(seconds <= bound));
        }
        add(&mut histogram.count, 1);
        histogram.sum = histogram.sum.saturating_add(call.took);
    }

    /// Counts a sign-in on the page, or a request without a valid token.
    pub fn sign_in(&self, refused: bool) {
        let mut counters = self.lock();
        add(if refused { &mut counters.sign_ins_refused } else { &mut counters.sign_ins }, 1);
    }

    /// Counts a line of the audit log that could not be written.
    pub fn audit_failed(&self) {
        add(&mut self.lock().audit_failures, 1);
    }

    /// Everything, as Prometheus reads it.
    pub fn text(&self, gauges: &Gauges) -> String {
        let counters = self.lock();
        let mut page = Page(String::with_capacity(4_096));
        page.family("calls_total", "counter", "Tool calls by their outcome.");
        for ((tool, outcome), count) in &counters.calls {
            page.sample("calls_total", &[("tool", tool), ("outcome", outcome)], count);
        }
        page.family("failures_total", "counter", "Tool calls that failed or were refused, by code.");
        for (code, count) in &counters.failures {
            page.sample("failures_total", &[("code", code)], count);
        }
        page.family("call_seconds", "histogram", "How long tool calls took, waiting included.");
        for (tool, histogram) in &counters.seconds {
            for (count, bound) in histogram.within.iter().zip(BUCKETS) {
                page.sample("call_seconds_bucket", &[("tool", tool), ("le", &bound.to_string())], count);
            }
            page.sample("call_seconds_bucket", &[("tool", tool), ("le", "+Inf")], histogram.count);
            page.sample("call_seconds_sum", &[("tool", tool)], histogram.sum.as_secs_f64());
            page.sample("call_seconds_count", &[("tool", tool)], histogram.count);
        }
        page.single("rows_total", "counter", "Rows answered.", counters.rows);
        page.single("answer_bytes_total", "counter", "Bytes of text answered.", counters.bytes);
        page.single("sign_ins_total", "counter", "Sign-ins on the page.", counters.sign_ins);
        let refused = counters.sign_ins_refused;
        page.single("sign_ins_refused_total", "counter", "Requests and forms without a valid token.", refused);
        let help = "Lines of the audit log that could not be written.";
        page.single("audit_failures_total", "counter", help, counters.audit_failures);
        page.single("ready", "gauge", "1 if a query would run now.", u8::from(gauges.ready));
        page.single("tokens", "gauge", "Personal tokens on the list.", gauges.tokens);
        let hidden =
            "Listed columns that the role cannot read, by the last look at it; 0 without MCP_HIDDEN_COLUMNS_FILE.";
        page.single("hidden_columns", "gauge", hidden, gauges.hidden_columns);
        page.single("client_connections", "gauge", "Client connections that are open.", gauges.client_connections);
        page.single("calls_running", "gauge", "Calls that run or wait for a connection.", gauges.calls_running);
        page.family("database_connections", "gauge", "Database connections by what they do.");
        let (open, idle) = gauges.database;
        page.sample("database_connections", &[("state", "idle")], idle);
        page.sample("database_connections", &[("state", "busy")], open.saturating_sub(idle));
        page.single("database_connections_max", "gauge", "The most database connections.", gauges.database_max);
        let help = "Statements that ignore their limit and cancellation: for how long, and in which process of PostgreSQL. The log says how to end one.";
        page.family("stuck_statement_seconds", "gauge", help);
        for stuck in &gauges.stuck {
            let labels = [("analyst", stuck.caller.name()), ("process_id", &stuck.process_id.to_string())];
            page.sample("stuck_statement_seconds", &labels, stuck.lasted().as_secs());
        }
        page.family("build_info", "gauge", "The version that runs.");
        page.sample("build_info", &[("version", VERSION), ("revision", REVISION.unwrap_or("unknown"))], 1);
        // The name by which every client library of Prometheus has it.
        let _ = write!(
            page.0,
            "# HELP process_start_time_seconds Since when this process runs, in Unix time.\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n",
            self.since
        );
        page.0
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP analytics_mcp_{name} {help}\n# TYPE analytics_mcp_{name} {kind}");
    }

    /// Label values come from closed sets and contain nothing that would have to be escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "analytics_mcp_{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}
