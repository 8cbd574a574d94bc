//! From when to when tables have rows, and what TimescaleDB knows of them: kept for a minute.
//!
//! In: names of tables and views. Out: [`Facts`], as far as they are known after a moment. A thread asks the database: exact ends
//! come from an index, or from a look at so many rows at most; a view gets a few milliseconds. Nothing waits for a lock. What cannot
//! be had that way is bounded by what the catalog knows, or left out: a call is never slow for it.

mod hypertable;
mod look;

use std::{
    collections::{HashMap, HashSet},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{db::Database, role_check::RoleCheck};
pub use hypertable::Hypertable;

/// How long a call waits for what is not known yet.
pub const PATIENCE: Duration = Duration::from_millis(40);
/// How long facts are used, and how long it is believed that a look takes too long.
const VALID: Duration = Duration::from_secs(60);
const SLOW: Duration = Duration::from_secs(3_600);
/// The most tables whose facts are kept, and the most threads that ask for them.
const MOST_KEPT: usize = 2_000;
const MOST_THREADS: usize = 2;

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
    /// The newest time of a hypertable, as long as its oldest is not known.
    newest: Option<String>,
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

/// A time without fractions of a second.
fn second(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, rest)) => format!("{whole}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit())),
        None => time.to_owned(),
    }
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
    /// Since when nothing is asked, because a statement did not end.
    paused: Option<Instant>,
}

impl State {
    fn is_fresh(&self, name: &Name) -> bool {
        self.known.get(name).is_some_and(|(at, facts)| at.elapsed() < if facts.slow { SLOW } else { VALID })
    }

    /// A thread has ended that asked for these.
    fn done(&mut self, names: &[Name]) {
        for name in names {
            self.asking.remove(name);
        }
        self.threads = self.threads.saturating_sub(1);
    }
}

impl Freshness {
    /// Nothing is known yet.
    pub fn new(database: Arc<Database>, role_check: Arc<RoleCheck>) -> Freshness {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Freshness(Arc::new(Shared { database, role_check, state, changed }))
    }

    /// Begins to look at these tables and views of a schema.
    pub fn begin(&self, schema: &str, tables: &[String]) {
        self.of(schema, tables, Duration::ZERO);
    }

    /// What is known of these tables and views of a schema, by name, after `patience` at the most.
    pub fn of(&self, schema: &str, tables: &[String], patience: Duration) -> HashMap<String, Facts> {
        let names: Vec<Name> = tables.iter().map(|table| (schema.to_owned(), table.clone())).collect();
        let mut state = self.0.lock();
        let is_wanted = |name: &&Name| !state.is_fresh(name) && !state.asking.contains(*name);
        let wanted: Vec<Name> = names.iter().filter(is_wanted).cloned().collect();
        let is_paused = state.paused.is_some_and(|since| since.elapsed() < SLOW);
        if !wanted.is_empty() && state.threads < MOST_THREADS && !is_paused {
            self.ask(&mut state, schema.to_owned(), wanted);
        }
        let wait = |state: &mut State| names.iter().any(|name| state.asking.contains(name));
        let waited = self.0.changed.wait_timeout_while(state, patience, wait);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        // What is too old is better than nothing only if it says so; it does not, so it is left out.
        let known =
            |name: &Name| state.known.get(name).filter(|_| state.is_fresh(name)).map(|(_, facts)| facts.clone());
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
            let _ = panic::catch_unwind(AssertUnwindSafe(|| look::look(&shared, &schema, &tables)));
            shared.lock().done(&names);
            shared.changed.notify_all();
        });
        if started.is_err() {
            state.done(&asking);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is asked for a while.
    fn pause(&self) {
        self.lock().paused = Some(Instant::now());
        log::warn!("a view could not be looked at within its limit and still runs: no more are for {SLOW:?}");
    }

    /// What is known of a table now; `is_all` when no more is to be found out.
    fn publish(&self, name: Name, facts: Facts, is_all: bool) {
        let mut state = self.lock();
        if is_all {
            state.asking.remove(&name);
        }
        state.known.insert(name, (Instant::now(), facts));
        self.changed.notify_all();
    }
}

#[cfg(test)]
#[path = "../tests/unit/freshness.rs"]
mod tests;
