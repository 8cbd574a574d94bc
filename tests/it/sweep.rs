//! Every function that the role may execute, called with values at the edges of its types, through the running server.
//!
//! What the guard refuses is refused. What it admits must not crash PostgreSQL, must be answered soon after the time
//! limit, must have ended in the database by then, and must leave the server's memory as it was. The cluster has every
//! extension that can be created here; each function is called at least once as each role that may call it. The same
//! seed makes the same calls.
//!
//! `SWEEP_SECONDS` and `SWEEP_SEED` make it longer and other; `SWEEP_ONLY` and `SWEEP_SKIP` are regular expressions
//! for names, for somebody who looks into a finding: see `make sweep`.

mod calls;
pub(crate) mod catalog;
mod outcome;
mod values;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use analytics_mcp::guard::Rule;
use calls::Call;
use catalog::Function;
use outcome::Outcome;
use regex::Regex;
use watch::Watch;

use crate::support::{
    client::{Connection, Mcp},
    cluster::{Cluster, DEMO, Programs},
    eventually,
    random::Random,
    server::Server,
};

/// The time limit of a statement.
const LIMIT: Duration = Duration::from_millis(300);
/// The most time from sending a call to its answer.
const ANSWERED: Duration = Duration::from_millis(5_300);
/// How long a default run sends calls.
const SECONDS: u64 = 60;
/// How many calls run at once.
const WORKERS: usize = 5;
/// How many crashes are looked into.
const MOST_CRASHES: usize = 25;

/// Functions whose calls may go on after a cancel request, and why that is left as it is. Anything else that does fails
/// the test.
const OUTLIVING: &[(&str, &str)] = &[
    // PostgreSQL's own, in daily use. Each needs values of 10,000 elements or characters and more for a second.
    ("translate", "compares each character with each of the second text"),
    ("ltrim", "compares each character with each of the second text"),
    ("rtrim", "compares each character with each of the second text"),
    ("btrim", "compares each character with each of the second text"),
    ("position", "searches a text that almost repeats itself"),
    ("strpos", "searches a text that almost repeats itself"),
    ("lpad", "writes up to 1 GB character by character"),
    ("rpad", "writes up to 1 GB character by character"),
    ("array_to_string", "writes up to 1 GB in one go"),
    ("arrayoverlap", "compares each element with each"),
    ("arraycontains", "compares each element with each"),
    ("arraycontained", "compares each element with each"),
    ("jsonb_contains", "compares each element with each"),
    ("jsonb_contained", "compares each element with each"),
    ("jsonb_exists_any", "unpacks an array of 1 GB"),
    ("jsonb_exists_all", "unpacks an array of 1 GB"),
    ("path_distance", "measures each point against each"),
    ("poly_distance", "measures each point against each"),
    ("path_inter", "measures each point against each"),
    ("poly_overlap", "measures each point against each"),
    ("poly_contain", "measures each point against each"),
    ("poly_contained", "measures each point against each"),
    ("normalize", "sorts a row of combining characters"),
    ("replace", "searches a text that almost repeats itself"),
    ("split_part", "searches a text that almost repeats itself"),
    ("string_to_array", "searches a text that almost repeats itself"),
    ("to_timestamp", "reads a format of 100,000 fields"),
    // PostGIS: GEOS works on the whole shape and is interrupted here and there only.
    ("st_polygonize", "100,000 lines at once"),
    ("st_buildarea", "a shape of thousands of points"),
    ("st_buffer", "a shape of thousands of points"),
    ("st_union", "a shape of thousands of points"),
    ("st_unaryunion", "a shape of thousands of points"),
    ("st_intersection", "a shape of thousands of points"),
    ("st_difference", "a shape of thousands of points"),
    ("st_symdifference", "a shape of thousands of points"),
    ("st_makevalid", "a shape of thousands of points"),
    ("st_subdivide", "a shape of thousands of points"),
    ("st_delaunaytriangles", "a shape of thousands of points"),
    ("st_intersects", "a shape of thousands of points"),
    ("st_touches", "a shape of thousands of points"),
    ("st_crosses", "a shape of thousands of points"),
    ("st_overlaps", "a shape of thousands of points"),
    ("st_relate", "a shape of thousands of points"),
    ("st_clusterdbscan", "each point is compared with each"),
    ("st_clusterkmeans", "each point is compared with each"),
    ("st_clusterintersecting", "each shape is compared with each"),
    ("st_clusterwithin", "each shape is compared with each"),
];

/// What a sweep found.
#[derive(Default)]
struct Found {
    counts: BTreeMap<String, u64>,
    covered: BTreeSet<usize>,
    refused: BTreeSet<usize>,
    /// The function, the text, and what the log says.
    crashes: Vec<(usize, Call, String)>,
    late: Vec<(usize, String)>,
    broken: Vec<String>,
    memory: BTreeMap<String, String>,
    /// Calls that took longer than the limit, to tell whose statements went on.
    slow: Vec<(usize, String)>,
    /// For each way of ending, some of the texts that did.
    examples: BTreeMap<String, Vec<String>>,
}

/// A sweep over some functions of a cluster.
struct Sweep<'a> {
    functions: &'a [Function],
    servers: [(Server, &'static str); 2],
    watch: Watch,
    seed: u64,
    /// How many examples of each way of ending are wanted.
    examples: u64,
    found: Mutex<Found>,
}

impl<'a> Sweep<'a> {
    fn new(cluster: &Cluster, functions: &'a [Function], seed: u64) -> Sweep<'a> {
        let server = |role| {
            let settings = [
                ("DATABASE_URL", &*cluster.dsn(role, DEMO)),
                ("MCP_STATEMENT_TIMEOUT", &format!("{}ms", LIMIT.as_millis())),
                ("MCP_POOL_MAX", "60"),
                ("MCP_MAX_PER_ANALYST", "60"),
            ];
            (Server::start(&settings), role)
        };
        let servers = [server(catalog::RO), server(catalog::PLAIN)];
        let examples = setting("SWEEP_EXAMPLES").unwrap_or_default();
        Sweep { functions, servers, watch: Watch::new(cluster), seed, examples, found: Mutex::default() }
    }

    /// One call of each function with each role, then more until the time is over. Returns how many rounds were whole.
    fn run(&self, seconds: u64) -> u64 {
        let end = Instant::now() + Duration::from_secs(seconds);
        // A fixed order that keeps the members of a family apart: several that hang would hang at once.
        let mut order: Vec<usize> = (0..self.functions.len()).collect();
        let mut random = Random::of(self.seed, u64::MAX);
        for index in (1..order.len()).rev() {
            order.swap(index, random.below(index + 1));
        }
        let mut round = 0;
        loop {
            let jobs: Vec<(usize, usize)> = order
                .iter()
                .flat_map(|&function| [(function, 0), (function, 1)])
                .filter(|&(function, server)| {
                    let for_ro = self.functions[function].for_ro;
                    // As the other role every function once, and then what only it may call.
                    if server == 0 { for_ro } else { round == 0 || !for_ro }
                })
                .collect();
            let next = AtomicUsize::new(0);
            thread::scope(|scope| {
                for worker in 0..WORKERS {
                    let (jobs, next) = (&jobs, &next);
                    scope.spawn(move || {
                        let mut connections = self.servers.each_ref().map(|_| None);
                        while round == 0 || Instant::now() < end {
                            let Some(&(function, server)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                                return;
                            };
                            self.one(function, server, round, worker, &mut connections);
                        }
                    });
                }
            });
            if Instant::now() >= end || self.found.lock().unwrap().crashes.len() >= MOST_CRASHES {
                return round + u64::from(round == 0);
            }
            round += 1;
        }
    }

    fn one(&self, index: usize, server: usize, round: u64, worker: usize, connections: &mut [Option<Connection>; 2]) {
        let function = &self.functions[index];
        {
            let found = self.found.lock().unwrap();
            let known = found.crashes.iter().any(|(crashed, ..)| *crashed == index)
                || found.late.iter().filter(|(late, _)| *late == index).count() >= 2;
            if known || found.refused.contains(&index) || found.crashes.len() >= MOST_CRASHES {
                return;
            }
        }
        // Each role has calls of its own.
        let seed = self.seed.wrapping_add(server as u64);
        let mut call = calls::call(function, seed, round);
        let (mut tries, mut shapes) = (0, 0);
        let (outcome, took) = loop {
            let mark = self.watch.mark();
            let began = Instant::now();
            let outcome = outcome::send(&self.client(server, worker), &call.sql, &mut connections[server]);
            let took = began.elapsed();
            if matches!(&outcome, Outcome::Refused(rule) if rule != Rule::Function.code()) && shapes < 4 {
                // Not the function is refused but the shape of this text.
                shapes += 1;
                call = calls::call(function, seed, round + shapes * 1_000);
                continue;
            }
            let Outcome::Unavailable(what) = &outcome else { break (outcome, took) };
            self.wait_for_recovery(server);
            if let Some(log) = self.watch.crash_since(mark).filter(|log| log.contains(&call.sql)) {
                let told = log.lines().find(|line| line.contains("terminated by signal")).unwrap_or_default();
                let crash = (index, call.clone(), told.to_owned());
                eprintln!("CRASH {}: {}", function.signature, call.sql);
                self.found.lock().unwrap().crashes.push(crash);
                return;
            }
            tries += 1;
            if tries > 5 {
                break (Outcome::Broken(format!("never answered: {what}")), took);
            }
        };
        let mut found = self.found.lock().unwrap();
        let counted = match &outcome {
            Outcome::Failed(state) => format!("SQLSTATE {state}"),
            Outcome::Refused(rule) => rule.clone(),
            other => format!("{other:?}").split('(').next().unwrap_or_default().to_owned(),
        };
        let count = found.counts.entry(counted.clone()).or_default();
        *count += 1;
        if *count <= self.examples {
            found.examples.entry(counted).or_default().push(call.sql.clone());
        }
        found.covered.insert(index);
        if took > LIMIT * 3 {
            found.slow.push((index, call.sql.clone()));
        }
        match outcome {
            Outcome::Refused(rule) if rule == Rule::Function.code() => {
                found.refused.insert(index);
            }
            Outcome::Late => found.late.push((index, call.sql)),
            Outcome::Broken(what) => found.broken.push(format!("{what}: {}", call.sql)),
            Outcome::Failed(state) if state.starts_with("53") => {
                found.memory.entry(function.signature.clone()).or_insert(call.sql);
            }
            _ if took > ANSWERED => found.late.push((index, call.sql)),
            _ => {}
        }
    }

    /// Waits until PostgreSQL takes sessions again, and the server has noticed.
    fn wait_for_recovery(&self, server: usize) {
        self.watch.wait_for_recovery();
        let client = self.client(server, 0);
        eventually("the server's return to the database", || (!client.query("SELECT 1").is_error).then_some(()));
    }

    /// Half of the calls are the other analyst's.
    fn client(&self, server: usize, worker: usize) -> Mcp {
        let server = &self.servers[server].0;
        if worker.is_multiple_of(2) { server.alice() } else { server.bob() }
    }

    /// The smallest text that crashes as this call does, found one call at a time.
    fn smallest(&self, index: usize, call: &Call) -> String {
        let mut smallest = call.clone();
        let mut tries = 0;
        'again: loop {
            for candidate in smallest.smaller(&self.functions[index]) {
                tries += 1;
                if tries > 20 {
                    return smallest.sql;
                }
                let mark = self.watch.mark();
                let outcome = outcome::send(&self.client(1, 0), &candidate.sql, &mut None);
                if matches!(outcome, Outcome::Unavailable(_)) {
                    self.wait_for_recovery(1);
                    if self.watch.crash_since(mark).is_some() {
                        smallest = candidate;
                        continue 'again;
                    }
                }
            }
            return smallest.sql;
        }
    }
}

pub(crate) fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} cannot be used")))
}

/// The functions that somebody wants to look at, or all.
pub(crate) fn wanted(all: Vec<Function>) -> Vec<Function> {
    let (only, skip) = (setting::<Regex>("SWEEP_ONLY"), setting::<Regex>("SWEEP_SKIP"));
    let keep = |function: &Function| {
        only.as_ref().is_none_or(|only| only.is_match(&function.name))
            && skip.as_ref().is_none_or(|skip| !skip.is_match(&function.name))
    };
    all.into_iter().filter(keep).collect()
}

/// A figure of a process, in MiB: `VmRSS`, `VmHWM`.
fn mib(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Sweeps over the functions and returns everything that is wrong, after having told what was done.
pub(crate) fn sweep(cluster: &Cluster, functions: &[Function], seed: u64, seconds: u64) -> String {
    // Commits here do not wait for the disk: a crash must not take back what the tests have just made.
    cluster.sql(DEMO, "CHECKPOINT");
    let sweep = Sweep::new(cluster, functions, seed);
    // Sessions that no call may end.
    let mut sentinels = [catalog::RO, catalog::PLAIN].map(|role| cluster.client(role, DEMO));
    let warm = sweep.servers.each_ref().map(|(server, _)| {
        assert!(!server.alice().query("SELECT 1").is_error);
        mib(server.id(), "VmRSS:")
    });
    let began = Instant::now();
    let rounds = sweep.run(seconds);
    let took = began.elapsed();
    // What was answered may still run.
    sweep.watch.settle();
    let peaks = sweep.servers.each_ref().map(|(server, _)| mib(server.id(), "VmHWM:"));
    let crashes = sweep.watch.crashes();

    let found = std::mem::take(&mut *sweep.found.lock().unwrap());
    let mut wrong = String::new();
    let calls: u64 = found.counts.values().sum();
    eprintln!(
        "{} functions, {} of them called and {} of these refused by the guard; {calls} calls in {took:?}, {rounds} whole rounds; {:?}; \
         server memory before {warm:?} MiB, at most {peaks:?} MiB",
        functions.len(),
        found.covered.len(),
        found.refused.len(),
        found.counts
    );
    for (ending, sql) in &found.examples {
        eprintln!("{ending}, for example:\n    {}", sql.join("\n    "));
    }
    for (index, function) in functions.iter().enumerate() {
        if !found.covered.contains(&index)
            && !found.crashes.iter().any(|(crashed, ..)| *crashed == index)
            && found.crashes.len() < MOST_CRASHES
        {
            let _ = writeln!(wrong, "never called: {}", function.signature);
        }
    }
    for (number, (index, call, told)) in found.crashes.iter().enumerate() {
        // Several workers may have met the same one at once.
        if found.crashes[..number].iter().any(|(earlier, ..)| earlier == index) {
            continue;
        }
        let kind = if functions[*index].core { "core" } else { "extension" };
        let smallest = sweep.smallest(*index, call);
        let _ = writeln!(wrong, "CRASH ({kind} function {}): {told}\n    {smallest}", functions[*index].signature);
    }
    if crashes > found.crashes.len() {
        let log = sweep.watch.crash_since(0).unwrap_or_default();
        let _ = writeln!(wrong, "{crashes} crashes, of which {} are told above; the log:\n{log}", found.crashes.len());
    }
    if crashes == 0 && !sentinels.iter_mut().all(|session| session.is_valid(ANSWERED).is_ok()) {
        wrong.push_str("a session that had nothing to do with the calls was ended\n");
    }
    for what in &found.broken {
        let _ = writeln!(wrong, "a bad answer: {what}");
    }
    for (index, sql) in &found.late {
        let _ = writeln!(
            wrong,
            "not answered {ANSWERED:?} after it was sent ({}):\n    {sql}",
            functions[*index].signature
        );
    }
    for (text, seconds) in sweep.watch.outlived.lock().unwrap().iter() {
        let call = found.slow.iter().find(|(_, sql)| text.contains(sql.as_str()));
        let signature = call.map_or("?", |(index, _)| &functions[*index].signature);
        let sql = call.map_or(text.as_str(), |(_, sql)| sql);
        eprintln!("a call that outlives a cancel, {seconds:.1} s of work or more: {signature}\n    {sql}");
        let name = signature.split('(').next().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
        if !OUTLIVING.iter().any(|(known, _)| *known == name) {
            let _ = writeln!(wrong, "goes on after its time, {seconds:.1} s of work or more ({signature}):\n    {sql}");
        }
    }
    for (signature, sql) in &found.memory {
        eprintln!("runs into the memory limit of {} MiB: {signature}\n    {sql}", catalog::MEMORY >> 10);
    }
    for ((warm, peak), (_, role)) in warm.iter().zip(peaks).zip(&sweep.servers) {
        if peak > warm + 64 {
            let _ = writeln!(wrong, "the server of {role} grew from {warm} to {peak} MiB");
        }
    }
    wrong
}

#[test]
fn no_function_crashes_hangs_or_fills_memory() {
    let seed = setting("SWEEP_SEED").unwrap_or(1);
    let cluster = Cluster::with(Programs::get(), Some(catalog::MEMORY));
    catalog::configure(&cluster);
    catalog::make_schemas(&cluster);
    catalog::make_extensions(&cluster);
    cluster.apply_role(DEMO);
    let functions = wanted(catalog::functions(&mut cluster.admin(DEMO)));
    let wrong = sweep(&cluster, &functions, seed, setting("SWEEP_SECONDS").unwrap_or(SECONDS));
    assert!(wrong.is_empty(), "SWEEP_SEED={seed}\n{wrong}");
}

/// The sweep must see what it is there for: functions that do it on purpose.
#[test]
fn the_sweep_sees_a_crash_and_a_call_that_goes_on() {
    let cluster = Cluster::with(Programs::get(), Some(catalog::MEMORY));
    catalog::configure(&cluster);
    catalog::make_schemas(&cluster);
    cluster.apply_role(DEMO);
    cluster.sql(DEMO, MISBEHAVING);
    let all = catalog::functions(&mut cluster.admin(DEMO));
    let chosen: Vec<Function> = all.into_iter().filter(|function| function.name.starts_with("fuel.sweep_")).collect();
    assert_eq!(chosen.len(), 2, "{chosen:?}");
    let wrong = sweep(&cluster, &chosen, 1, 1);
    for part in [
        "CRASH (extension function fuel.sweep_crashes(integer))",
        "was terminated by signal 11",
        "goes on after its time",
        "(fuel.sweep_goes_on(integer))",
        "SELECT fuel.sweep_goes_on(",
    ] {
        assert!(wrong.contains(part), "{part:?} is not in:\n{wrong}");
    }
}

const MISBEHAVING: &str = r#"
    CREATE FUNCTION fuel.sweep_crashes(n integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        COPY (SELECT 1) TO PROGRAM 'kill -SEGV $PPID';
        RETURN n;
    END $$;
    CREATE FUNCTION fuel.sweep_goes_on(n integer) RETURNS integer LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz := clock_timestamp() + interval '60 s';
    BEGIN
        WHILE clock_timestamp() < stop LOOP
            BEGIN
                FOR i IN 1 .. 1000000000 LOOP
                    EXIT WHEN i % 1000 = 0 AND clock_timestamp() >= stop;
                END LOOP;
            EXCEPTION WHEN query_canceled THEN NULL;
            END;
        END LOOP;
        RETURN n;
    END $$;
"#;
