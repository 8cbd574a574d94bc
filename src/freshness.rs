//! From when to when tables have rows, and what TimescaleDB knows of them: kept for a minute.
//!
//! In: names of tables and views. Out: [`Facts`], as far as they are known after a moment. A thread asks the database: exact ends
//! come from an index, or from a look at so many rows at most; a view gets a few milliseconds. Nothing waits for a lock. What cannot
//! be had that way is bounded by what the catalog knows, or left out: a call is never slow for it.

use std::{
    collections::{HashMap, HashSet},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    catalog::{self, Here},
    db::{self, Caller, Cancel, Database},
    error::Code,
    role_check::RoleCheck,
    statement::{Look, Statement},
};

/// How long a call waits for what is not known yet.
pub const PATIENCE: Duration = Duration::from_millis(40);
/// How long facts are used, and how long it is believed that a look takes too long.
const VALID: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_secs(600);
/// The most tables whose facts are kept, and the most threads that ask for them.
const MOST_KEPT: usize = 2_000;
const MOST_THREADS: usize = 2;

/// The limits of a look at a table, and of a look at the catalog.
const SHORT: Statement = Statement::own("SET LOCAL statement_timeout = '40ms'");
const LONGER: Statement = Statement::own("SET LOCAL statement_timeout = '2s'");

/// What is known of a table or view beside its definition.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The column that says when.
    pub time: Option<String>,
    /// The exact lowest and highest value of columns, as PostgreSQL writes them.
    pub ends: HashMap<String, (String, String)>,
    /// From when to when, where that is not exact: in words, with the column.
    pub about: Option<String>,
    /// What TimescaleDB knows of it.
    pub hypertable: Option<Hypertable>,
    /// A look took too long.
    slow: bool,
}

impl Facts {
    /// `ts 2026-08-27 06:20:01+03 to 2026-11-24 18:08:11+03`.
    pub fn range(&self) -> Option<String> {
        let time = self.time.as_ref()?;
        let exact = self.ends.get(time).map(|(first, last)| format!("{time} {} to {}", second(first), second(last)));
        exact.or_else(|| self.about.clone())
    }
}

/// A hypertable or continuous aggregate of TimescaleDB. Times and intervals as PostgreSQL writes them.
#[derive(Debug, Clone, Deserialize)]
pub struct Hypertable {
    name: String,
    /// `hypertable` or `continuous aggregate`.
    pub kind: String,
    /// What a continuous aggregate sums up.
    pub of: Option<String>,
    /// About how many rows there are.
    pub rows: Option<i64>,
    time: Option<String>,
    interval: Option<String>,
    chunks: Option<i64>,
    compressed_chunks: Option<i64>,
    from: Option<String>,
    to: Option<String>,
    oldest_ends: Option<String>,
    newest_begins: Option<String>,
    compressed_before: Option<String>,
    segment_by: Option<String>,
    compress_after: Option<String>,
    drop_after: Option<String>,
    refresh_every: Option<String>,
    refresh_from: Option<String>,
    refresh_to: Option<String>,
    last_refresh: Option<String>,
    last_status: Option<String>,
    materialized_to: Option<String>,
    real_time: Option<bool>,
    /// The query of a continuous aggregate.
    pub definition: Option<String>,
}

impl Hypertable {
    /// What a reader of its rows should know, in sentences.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let (Some(time), Some(interval), Some(chunks)) = (&self.time, &self.interval, self.chunks) {
            text.push(format!("{chunks} chunks of {interval} by {time}: a filter on {time} reads only those it needs."));
        }
        if let Some(compressed) = self.compressed_chunks {
            let before = self.compressed_before.as_ref().map(|to| format!(" (before {})", second(to))).unwrap_or_default();
            let fast = self.segment_by.as_ref().map(|by| format!("; there a filter on {by} is fast")).unwrap_or_default();
            text.push(format!("{compressed} are compressed{before}{fast}."));
        }
        if let Some(after) = &self.compress_after {
            text.push(format!("Compressed after {after}."));
        }
        if let Some(after) = &self.drop_after {
            text.push(format!("Rows older than {after} are dropped."));
        }
        if let Some(every) = &self.refresh_every {
            let window = match (&self.refresh_from, &self.refresh_to) {
                (Some(from), Some(to)) => format!(" for the time from {from} to {to} ago"),
                (None, Some(to)) => format!(" up to {to} ago"),
                _ => String::new(),
            };
            let last = self.last_refresh.as_ref().map(|last| format!(", last at {}", second(last))).unwrap_or_default();
            let failed = self.last_status.as_ref().filter(|status| *status != "Success");
            let failed = failed.map(|status| format!("; the last run: {status}")).unwrap_or_default();
            text.push(format!("Refreshed every {every}{window}{last}{failed}."));
        }
        if let Some(to) = &self.materialized_to {
            text.push(format!("Materialized up to {}.", second(to)));
        }
        match self.real_time {
            Some(true) => text.push("Newer rows are computed when it is read (real-time).".to_owned()),
            Some(false) => text.push("Newer rows are not in it (not real-time).".to_owned()),
            None => {}
        }
        text.join(" ")
    }

    /// From when to when it may have rows, without a look at them.
    fn bound(&self) -> Option<String> {
        let (time, from) = (self.time.as_ref()?, second(self.from.as_ref()?));
        Some(match (&self.materialized_to, &self.to) {
            (Some(to), _) => format!("{time} from {from} on, materialized to {}", second(to)),
            (None, Some(to)) => format!("{time} between {from} and {} (by its chunks)", second(to)),
            (None, None) => format!("{time} from {from} on"),
        })
    }
}

/// A time without fractions of a second.
fn second(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) => format!("{whole}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit())),
        None => time.to_owned(),
    }
}

/// Where the ends of a table's columns can be found.
#[derive(Debug, Deserialize)]
struct Times {
    name: String,
    /// All of it has to be read for that, as of a view.
    whole: bool,
    time: Option<String>,
    #[serde(default)]
    indexed: Vec<String>,
    source: Option<Source>,
}

/// The table from which a view's time column comes.
#[derive(Debug, Deserialize)]
struct Source {
    schema: String,
    table: String,
}

/// A schema and a table in it.
type Name = (String, String);

/// The facts that are known.
pub struct Freshness(Arc<Shared>);

struct Shared {
    database: Arc<Database>,
    role_check: Arc<RoleCheck>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<Name, (Instant, Facts)>,
    asking: HashSet<Name>,
    threads: usize,
}

impl State {
    fn is_fresh(&self, name: &Name) -> bool {
        self.known.get(name).is_some_and(|(at, facts)| at.elapsed() < if facts.slow { SLOW } else { VALID })
    }
}

impl Freshness {
    /// Nothing is known yet.
    pub fn new(database: Arc<Database>, role_check: Arc<RoleCheck>) -> Freshness {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Freshness(Arc::new(Shared { database, role_check, state, changed }))
    }

    /// What is known of these tables and views of a schema, by name, after `patience` at the most.
    pub fn of(&self, schema: &str, tables: &[String], patience: Duration) -> HashMap<String, Facts> {
        let names: Vec<Name> = tables.iter().map(|table| (schema.to_owned(), table.clone())).collect();
        let mut state = self.0.lock();
        let missing = |state: &State| -> Vec<Name> {
            names.iter().filter(|name| !state.is_fresh(name)).cloned().collect()
        };
        let wanted: Vec<Name> = missing(&state).into_iter().filter(|name| !state.asking.contains(name)).collect();
        if !wanted.is_empty() && state.threads < MOST_THREADS {
            self.ask(&mut state, schema.to_owned(), wanted);
        }
        let wait = |state: &mut State| missing(state).iter().any(|name| state.asking.contains(name));
        let waited = self.0.changed.wait_timeout_while(state, patience, wait);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        // What is too old is better than nothing only if it says so; it does not, so it is left out.
        let known = |name: &Name| state.known.get(name).filter(|_| state.is_fresh(name)).map(|(_, facts)| facts.clone());
        names.into_iter().filter_map(|name| known(&name).map(|facts| (name.1, facts))).collect()
    }

    /// Begins to ask the database for these.
    fn ask(&self, state: &mut State, schema: String, names: Vec<Name>) {
        if state.known.len() > MOST_KEPT {
            state.known.clear();
        }
        let shared = Arc::clone(&self.0);
        state.asking.extend(names.iter().cloned());
        state.threads = state.threads.saturating_add(1);
        let asking = names.clone();
        let started = thread::Builder::new().name("freshness".to_owned()).spawn(move || {
            let tables: Vec<String> = names.iter().map(|(_, table)| table.clone()).collect();
            let _ = panic::catch_unwind(AssertUnwindSafe(|| shared.look(&schema, &tables)));
            shared.lock().done(&names);
            shared.changed.notify_all();
        });
        if started.is_err() {
            state.done(&asking);
        }
    }
}

impl State {
    fn done(&mut self, names: &[Name]) {
        for name in names {
            self.asking.remove(name);
        }
        self.threads = self.threads.saturating_sub(1);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for all of these, the quick ones first.
    fn look(&self, schema: &str, tables: &[String]) -> Option<()> {
        let names = catalog::parameter(tables);
        let params = [schema, names.as_str()];
        let here: Here = self.rows(&catalog::HERE, &[], &LONGER).ok()?.pop()?;
        let times: Vec<Times> = self.rows(&catalog::TIMES, &params, &LONGER).ok()?;
        let hypertables: Vec<Hypertable> = match here.timescaledb {
            Some(extension) => self.rows(&Statement::hypertables(&extension), &params, &LONGER).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut hypertables: HashMap<String, Hypertable> =
            hypertables.into_iter().map(|table| (table.name.clone(), table)).collect();
        for times in times {
            let facts = self.facts(schema, &times, hypertables.remove(&times.name));
            let mut state = self.lock();
            state.asking.remove(&(schema.to_owned(), times.name.clone()));
            state.known.insert((schema.to_owned(), times.name), (Instant::now(), facts));
            self.changed.notify_all();
        }
        Some(())
    }

    /// Looks at one table.
    fn facts(&self, schema: &str, times: &Times, hypertable: Option<Hypertable>) -> Facts {
        let time = hypertable.as_ref().and_then(|table| table.time.clone()).or_else(|| times.time.clone());
        let mut facts = Facts { about: hypertable.as_ref().and_then(Hypertable::bound), ..Facts::default() };
        let table = (schema, times.name.as_str());
        if let (Some(hypertable), Some(time), false) = (&hypertable, &time, times.whole) {
            self.newest_and_oldest(table, time, hypertable, &mut facts);
        } else {
            let indexed: Vec<&str> = times.indexed.iter().map(String::as_str).collect();
            self.ends(table, &indexed, Look::Indexed, &mut facts);
            if let Some(time) = time.as_deref().filter(|time| !times.indexed.iter().any(|column| column == time)) {
                self.ends(table, &[time], if times.whole { Look::Whole } else { Look::Some }, &mut facts);
                self.through_source(times, time, &mut facts);
            }
        }
        (facts.time, facts.hypertable) = (time, hypertable);
        facts
    }

    /// The ends of a hypertable's time, each looked for in one chunk only.
    fn newest_and_oldest(&self, table: (&str, &str), time: &str, known: &Hypertable, facts: &mut Facts) {
        let (Some(oldest_ends), Some(newest_begins)) = (&known.oldest_ends, &known.newest_begins) else { return };
        let mut newest = Facts::default();
        self.ends(table, &[time], Look::From(newest_begins), &mut newest);
        let Some((_, last)) = newest.ends.remove(time) else { return };
        let mut oldest = Facts::default();
        self.ends(table, &[time], Look::Before(oldest_ends), &mut oldest);
        match (oldest.ends.remove(time), &known.from) {
            (Some((first, _)), _) => drop(facts.ends.insert(time.to_owned(), (first, last))),
            (None, Some(from)) => facts.about = Some(format!("{time} from about {} to {}", second(from), second(&last))),
            (None, None) => {}
        }
    }

    /// A view that is slow to read ends where the table does from which its time comes.
    fn through_source(&self, times: &Times, time: &str, facts: &mut Facts) {
        let Some(source) = times.source.as_ref().filter(|_| facts.about.is_none() && !facts.ends.contains_key(time)) else {
            return;
        };
        let params = [source.schema.as_str(), &catalog::parameter(std::slice::from_ref(&source.table))];
        let found = self.rows::<Times>(&catalog::TIMES, &params, &LONGER).ok().and_then(|mut rows| rows.pop());
        let is_indexed = found.is_some_and(|found| found.indexed.iter().any(|column| column == time));
        let mut known = Facts::default();
        let look = if is_indexed { Look::Indexed } else { Look::Some };
        self.ends((&source.schema, &source.table), &[time], look, &mut known);
        if let Some((first, last)) = known.ends.get(time) {
            let (first, last) = (second(first), second(last));
            facts.about = Some(format!("{time} {first} to {last} in {}.{}, which it reads", source.schema, source.table));
        }
    }

    /// Looks for the ends of columns.
    fn ends(&self, (schema, table): (&str, &str), columns: &[&str], look: Look<'_>, facts: &mut Facts) {
        if columns.is_empty() {
            return;
        }
        let statement = Statement::ends(schema, table, columns, look);
        let found = self.rows::<Vec<Option<String>>>(&statement, &[], &SHORT);
        facts.slow |= found.as_ref().is_err_and(|code| *code == Code::Timeout);
        let found = found.ok().and_then(|mut rows| rows.pop()).unwrap_or_default();
        for (column, pair) in columns.iter().zip(found.chunks(2)) {
            if let [Some(first), Some(last)] = pair {
                facts.ends.insert((*column).to_owned(), (first.clone(), last.clone()));
            }
        }
    }

    /// The rows of a statement, in a transaction of its own, or why there are none to be had at once.
    fn rows<T: DeserializeOwned>(&self, statement: &Statement, params: &[&str], limit: &Statement) -> Result<Vec<T>, Code> {
        let cancel = Arc::<Cancel>::default();
        let started = Instant::now().checked_sub(db::PATIENCE).ok_or(Code::Unavailable)?;
        self.role_check.ensure(&self.database, &cancel, started).map_err(|failure| failure.code)?;
        let list = self.database.read(&Caller::Server("freshness"), &cancel, started, |mut reading| {
            for setting in [limit, &catalog::NO_WAITING] {
                reading.run(setting, &[], (), |(), _| db::Flow::More)?;
            }
            catalog::list(reading, statement, params, catalog::MAX_BYTES)
        });
        catalog::parse(&list.map_err(|failure| failure.code)?).map_err(|failure| failure.code)
    }
}

#[cfg(test)]
#[path = "../tests/unit/freshness.rs"]
mod tests;
