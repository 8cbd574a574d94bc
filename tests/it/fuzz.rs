//! What the guard admits, PostgreSQL reads or refuses: made-up texts against a live database in which nothing may change.
//!
//! Every text goes the way of a call of the tool `query`, with a role from which nothing is taken, in a database with
//! every extension that PostgreSQL brings along, where only the guard and the read-only transaction stand in the way of a
//! function with side effects; and a part of them with the project's own role. The same seed makes the same texts.
//!
//! `FUZZ_TEXTS`, `FUZZ_SECONDS` (more texts until then) and `FUZZ_SEED` make it longer and other: see `make fuzz`.

mod grammar;
mod vocabulary;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use analytics_mcp::{
    config::Config,
    db::{Caller, Cancel, Database, Flow, Row},
    error::{Code, Failure},
    guard::{self, Known, Rule},
    role_check::{Look, RoleCheck},
    rows::Page,
    statement::{Column, Format, Statement},
};
use vocabulary::Vocabulary;
use watch::Watch;

use crate::support::{
    cluster::{Cluster, DEMO},
    processor_time,
    random::Random,
};

/// How many texts run without a setting.
const TEXTS: u64 = 20_000;
/// How many run between two looks at the cluster.
const BATCH: u64 = 500;
/// How many run at once, for each role.
const THREADS: usize = 3;
/// Far beyond the statement timeout: what takes longer hangs.
const BOUND: Duration = Duration::from_secs(20);
const MAX_ROWS: u32 = 100;
const MAX_BYTES: usize = 65_536;

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a number")))
}

/// A role in a database, and what its session says of itself when nothing has happened.
struct Target {
    role: &'static str,
    database: Database,
    look: Arc<Look>,
    /// It gets every text, or every second, …
    share: u64,
    untouched: String,
}

impl Target {
    fn new(cluster: &Cluster, role: &'static str, database: &str, share: u64) -> Target {
        let settings = [
            ("DATABASE_URL", cluster.dsn(role, database)),
            ("MCP_AUTH_TOKENS", "fuzz:0123456789abcdef".to_owned()),
            ("MCP_STATEMENT_TIMEOUT", "100ms".to_owned()),
            ("MCP_POOL_MAX", THREADS.to_string()),
            ("MCP_MAX_BYTES", MAX_BYTES.to_string()),
        ];
        let config = Config::from_pairs(settings.map(|(name, value)| (name.to_owned(), value))).unwrap();
        let database = Database::new(&config).unwrap();
        let look =
            RoleCheck::new(vec![DEMO.to_owned()], None).look(&database, &Arc::default(), Instant::now()).unwrap();
        let mut target = Target { role, database, look, share, untouched: String::new() };
        target.untouched = match target.run("SELECT 1", Format::Json) {
            Outcome::Rows { state: Some(state), .. } => state,
            other => panic!("{role} cannot read: {other:?}"),
        };
        assert!(target.untouched.starts_with("settings "), "the probe finds more than settings: {}", target.untouched);
        target
    }

    /// What a call of the tool does with the text; then, in the same transaction, a look at what the text left behind.
    fn run(&self, sql: &str, format: Format) -> Outcome {
        let admitted = match panic::catch_unwind(AssertUnwindSafe(|| guard::admit(sql, &self.look.known))) {
            Ok(Ok(admitted)) => admitted,
            Ok(Err(refusal)) => return Outcome::Refused(refusal),
            Err(_) => return Outcome::Broken("the guard panics".to_owned()),
        };
        let began = Instant::now();
        let statement = Statement::query(&admitted, MAX_ROWS);
        let result = self.database.read(&Caller::Server("fuzz"), &Arc::<Cancel>::default(), began, |mut reading| {
            let prepared = reading.prepare(&statement)?;
            let page = Page::new(format, &prepared.columns, MAX_ROWS, "max_rows", MAX_BYTES);
            // As the tool does it, which ends the transaction; the watch of the cluster finds what the text has changed.
            if sql.len() % 2 == 1 && prepared.columns.iter().all(Column::is_plain) {
                let answer = reading.run_prepared(&prepared, page, Page::push)?.into_answer();
                return Ok(Outcome::Rows { rows: answer.rows.unwrap_or_default(), state: None });
            }
            let converted = Statement::converted(&admitted, &prepared.columns, format, MAX_ROWS);
            let page = reading.run(&converted, &[], page, Page::push)?;
            let answer = page.into_answer();
            let mut state = None;
            // A page that is cut short may have ended the statement, and with it the transaction.
            if !answer.truncated {
                state = reading.run_last(&watch::PROBE, &[], None, |state, row| {
                    if let Row::Values([Some(text)]) = row {
                        *state = Some((*text).to_owned());
                    }
                    Flow::More
                })?;
            }
            Ok(Outcome::Rows { rows: answer.rows.unwrap_or_default(), state })
        });
        let took = began.elapsed();
        match result {
            _ if took > BOUND => Outcome::Broken(format!("it takes {took:?}")),
            Ok(outcome) => outcome,
            Err(failure) if matches!(failure.code, Code::Sql | Code::Timeout) => Outcome::Failed(failure),
            Err(failure) => Outcome::Broken(format!("{failure:?}")),
        }
    }

    /// What is wrong with this outcome, if anything.
    fn judge(&self, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Rows { state: Some(state), .. } if *state != self.untouched => {
                Some(format!("the session is not as before: {state}\nbut was: {}", self.untouched))
            }
            Outcome::Broken(what) => Some(what.clone()),
            _ => None,
        }
    }
}

/// How a text ended.
#[derive(Debug)]
enum Outcome {
    Refused(guard::Refusal),
    /// It ran; `state` is what the session says afterwards, unless the answer was cut short.
    Rows {
        rows: u32,
        state: Option<String>,
    },
    /// PostgreSQL refused it, or stopped it when its time was over.
    Failed(Failure),
    /// It did what no text may.
    Broken(String),
}

/// Counts, so that a generator that makes nothing but rubbish is noticed.
#[derive(Default)]
struct Tally {
    refused: BTreeMap<&'static str, u64>,
    functions: BTreeSet<String>,
    admitted: u64,
    with_rows: u64,
    answered: u64,
    timeouts: u64,
    cut: u64,
    sqlstates: BTreeMap<String, u64>,
    slowest: Option<(Duration, u64)>,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome, number: u64, took: Duration) {
        if self.slowest.is_none_or(|(slowest, _)| slowest < took) {
            self.slowest = Some((took, number));
        }
        match outcome {
            Outcome::Refused(refusal) => {
                *self.refused.entry(refusal.rule.code()).or_default() += 1;
                if refusal.rule == Rule::Function {
                    self.functions.extend(refusal.message.split('`').nth(1).map(str::to_owned));
                }
                return;
            }
            Outcome::Rows { rows, state } => {
                self.answered += 1;
                self.cut += u64::from(state.is_none());
                self.with_rows += u64::from(*rows > 0);
            }
            Outcome::Failed(failure) => {
                self.timeouts += u64::from(failure.code == Code::Timeout);
                *self.sqlstates.entry(failure.sqlstate.clone().unwrap_or_default()).or_default() += 1;
            }
            Outcome::Broken(_) => {}
        }
        self.admitted += 1;
    }
}

impl Tally {
    fn told(&self) -> String {
        let mut states: Vec<(&String, &u64)> = self.sqlstates.iter().collect();
        states.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        states.truncate(8);
        format!(
            "{} admitted, {} answered, {} of them with rows, {} cut short, {} out of time, {} refused functions by name, slowest {:?}, refusals {:?}, SQLSTATEs {states:?}",
            self.admitted,
            self.answered,
            self.with_rows,
            self.cut,
            self.timeouts,
            self.functions.len(),
            self.slowest,
            self.refused,
        )
    }

    fn must_not_be_vacuous(&self, texts: u64, all: bool) {
        let told = self.told();
        assert!(self.admitted * 100 >= texts * 15, "few are admitted: {told}");
        assert!(self.with_rows * 100 >= texts * 5, "few return rows: {told}");
        assert!(self.functions.len() >= 100, "few refused functions: {told}");
        for rule in Rule::ALL.iter().filter(|_| all) {
            assert!(self.refused.contains_key(rule.code()), "{} refuses nothing: {told}", rule.code());
        }
    }
}

/// The cluster, for one test at a time: each sees every change in it.
fn shared() -> &'static Mutex<Cluster> {
    static CLUSTER: OnceLock<Mutex<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| Mutex::new(watch::cluster()))
}

#[test]
fn nothing_admitted_changes_anything() {
    let cluster = shared().lock().unwrap_or_else(PoisonError::into_inner);
    let seed = setting("FUZZ_SEED").unwrap_or(1);
    let least = setting("FUZZ_TEXTS").unwrap_or(TEXTS);
    let seconds = Duration::from_secs(setting("FUZZ_SECONDS").unwrap_or(0));
    eprintln!("FUZZ_SEED={seed}");

    let targets = [
        Target::new(&cluster, watch::PLAIN, DEMO, 1),
        // Prime, so that it gets texts of each kind.
        Target::new(&cluster, watch::RO, watch::GUARDED, 5),
    ];
    let mut watch = Watch::new(&cluster);
    let words = Vocabulary::of(&mut cluster.admin(DEMO), watch.sentinel_pids());
    let before = watch::contents(&cluster);
    watch.changes();

    let tallies = targets.each_ref().map(|_| Mutex::new(Tally::default()));
    let began = Instant::now();
    let mut done = 0;
    while done < least || began.elapsed() < seconds {
        let numbers = done..done + BATCH;
        let mut wrong = batch(&words, seed, numbers.clone(), &targets, &tallies);
        wrong.extend(watch.changes());
        if !wrong.is_empty() {
            let culprits = culprits(&words, seed, numbers.clone(), &targets, &mut watch);
            let wrong = wrong.join("\n\n");
            panic!("FUZZ_SEED={seed}, among the texts {numbers:?}:\n{wrong}\n\n=== One at a time:\n{culprits}");
        }
        done += BATCH;
    }
    let took = began.elapsed();
    // Counters of sessions arrive late in PostgreSQL's statistics.
    thread::sleep(Duration::from_millis(1_100));
    let differences = watch::differences(&before, &watch::contents(&cluster));
    assert!(differences.is_empty(), "FUZZ_SEED={seed}\n{}", differences.join("\n"));
    drop(watch);

    for (target, tally) in targets.iter().zip(tallies) {
        let tally = tally.into_inner().unwrap();
        let texts = done / target.share;
        eprintln!("{} with {texts} texts in {took:?}: {}", target.role, tally.told());
        if done >= TEXTS {
            tally.must_not_be_vacuous(texts, target.share == 1);
        }
    }
}

/// Runs the texts with these numbers on each target; returns what went wrong.
fn batch(
    words: &Vocabulary,
    seed: u64,
    numbers: Range<u64>,
    targets: &[Target],
    tallies: &[Mutex<Tally>],
) -> Vec<String> {
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (target, tally) in targets.iter().zip(tallies) {
            let next = Arc::new(AtomicU64::new(numbers.start));
            for _ in 0..THREADS {
                let (next, wrong, end) = (Arc::clone(&next), &wrong, numbers.end);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            return;
                        }
                        if !number.is_multiple_of(target.share) {
                            continue;
                        }
                        let sql = grammar::text(words, seed, number);
                        let began = Instant::now();
                        let outcome = target.run(&sql, format_of(number));
                        tally.lock().unwrap().add(&outcome, number, began.elapsed());
                        if let Some(what) = target.judge(&outcome) {
                            wrong.lock().unwrap().push(format!("{}, text {number}: {what}\n{sql}", target.role));
                        }
                    }
                });
            }
        }
    });
    wrong.into_inner().unwrap()
}

fn format_of(number: u64) -> Format {
    if number % 4 == 3 { Format::Csv } else { Format::Json }
}

/// The texts of a batch that do something when they run alone.
fn culprits(words: &Vocabulary, seed: u64, numbers: Range<u64>, targets: &[Target], watch: &mut Watch) -> String {
    let mut found = String::new();
    for number in numbers {
        let sql = grammar::text(words, seed, number);
        for target in targets.iter().filter(|target| number.is_multiple_of(target.share)) {
            let outcome = target.run(&sql, format_of(number));
            for what in target.judge(&outcome).into_iter().chain(watch.changes()) {
                let _ = write!(found, "{}, text {number}: {what}\n{sql}\n\n", target.role);
            }
        }
    }
    if found.is_empty() { "no text of these does it alone".to_owned() } else { found }
}

/// The watch must see what it is there for: the same session and statements, without the guard.
#[test]
fn the_watch_sees_each_kind_of_change() {
    let cluster = shared().lock().unwrap_or_else(PoisonError::into_inner);
    let mut watch = Watch::new(&cluster);
    let pid = watch.sentinel_pids()[0];

    // From inside the transaction.
    let mut session = cluster.client(watch::PLAIN, DEMO);
    let mut probe = |sql: &str| -> String {
        session.batch_execute(&format!("BEGIN READ ONLY; {sql}")).unwrap();
        let state = session.query_one(watch::PROBE_TEXT, &[]).unwrap().get(0);
        session.batch_execute("ROLLBACK; SELECT pg_advisory_unlock_all(); DEALLOCATE ALL").unwrap();
        state
    };
    let usual = probe("SELECT 1");
    for (sql, part) in [
        ("SELECT pg_try_advisory_lock(1)", "advisory ExclusiveLock"),
        ("SELECT pg_advisory_xact_lock_shared(1)", "advisory ShareLock"),
        ("SELECT txid_current()", "transaction id"),
        ("PREPARE fuzz AS SELECT 1", "prepared fuzz"),
        ("DECLARE fuzz CURSOR FOR SELECT 1", "cursor fuzz"),
        ("SELECT set_config('work_mem', '77kB', true)", "work_mem=77"),
        ("SET search_path = tickets", "search_path=tickets"),
    ] {
        let state = probe(sql);
        assert!(!usual.contains(part) && state.contains(part), "{sql}: {state}");
    }

    // From outside.
    let mut session = cluster.client(watch::PLAIN, DEMO);
    watch.changes();
    assert_eq!(watch.changes(), None, "nothing has happened");
    for (sql, part) in [
        ("SELECT pg_logical_emit_message(false, 'fuzz', 'x')", "log at"),
        ("SELECT pg_current_xact_id()", "next transaction id"),
        ("SELECT pg_try_advisory_lock(1)", "1 advisory locks"),
        ("SELECT lo_put(4711, 0, 'x')", "next transaction id"),
        (&format!("SELECT pg_cancel_backend({pid})"), "1 sentinels undisturbed"),
    ] {
        session.batch_execute(&format!("BEGIN READ ONLY; {sql}; ROLLBACK")).unwrap();
        thread::sleep(Duration::from_millis(100));
        let changes = watch.changes().unwrap_or_default();
        assert!(changes.contains(part), "{sql}: {changes}");
    }
    let before = watch::contents(&cluster);
    cluster.sql(
        DEMO,
        "UPDATE tickets.inc SET comment = 'x' WHERE ctid = '(0,1)'; SELECT nextval('tickets.fuzz_sequence')",
    );
    let differences = watch::differences(&before, &watch::contents(&cluster));
    assert_eq!(differences.len(), 2, "{differences:?}");
}

/// Hostile texts of 40 KB, for the time that judging takes. What grows with the square of the length would take minutes; here,
/// without optimisation, the worst takes a tenth of the limit.
#[test]
fn hostile_texts_are_judged_quickly() {
    let cluster = shared().lock().unwrap_or_else(PoisonError::into_inner);
    let words = Vocabulary::of(&mut cluster.admin(DEMO), vec![1]);
    let mut random = Random::of(setting("FUZZ_SEED").unwrap_or(1), u64::MAX);
    let (mut worst, mut text) = (Duration::ZERO, String::new());
    for number in 0..setting("FUZZ_TEXTS").map_or(200, |texts| texts / 10) {
        let unit = grammar::text(&words, 2, number);
        let mut hostile = String::from(random.of_list(&["", "SELECT ", "SELECT '", "WITH a AS (", "SELECT ("]));
        let repeat = random.chance(60);
        let mut more = number;
        while hostile.len() < 40_960 {
            hostile.push_str(if repeat { &unit } else { "" });
            if !repeat {
                more += 1;
                hostile.push_str(&grammar::text(&words, 3, more));
            }
            hostile.push(' ');
        }
        let end = (0..=40_960).rev().find(|&end| hostile.is_char_boundary(end)).unwrap_or_default();
        hostile.truncate(end);
        let began = processor_time();
        let _ = guard::admit(&hostile, &Known::default());
        let took = processor_time() - began;
        if took > worst {
            (worst, text) = (took, hostile.chars().take(100).collect());
        }
    }
    assert!(worst < Duration::from_secs(1), "40 KB are judged in {worst:?} at worst: {text:?}…");
    eprintln!("40 KB are judged in {worst:?} at worst: {text:?}…");
}
