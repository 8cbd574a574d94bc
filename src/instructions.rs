//! What a model gets to read about the database when it connects: at most 2 KB, which is where Claude cuts it.
//!
//! The schemas, their comments and what they hold come from the database, so that the text does not go stale; they are
//! kept for a while. A thread of its own asks the database. When that does not answer at once, the text is the last one, or
//! goes without them: connecting waits for it for half a second at most.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    catalog::{self, Here, Meaning},
    db::{Database, Reading},
    freshness::Freshness,
    invisible::clean,
    role_check::RoleCheck,
    statement::Statement,
};

/// The most bytes of the text.
pub const MAX_BYTES: usize = 2_048;
/// How long what the database said is used, and how long its silence.
const VALID: Duration = Duration::from_secs(60);
const SILENT: Duration = Duration::from_secs(5);
/// How long a client waits for the database.
const PATIENCE: Duration = Duration::from_millis(500);
/// Of how many schemas' largest tables the text says from when to when they have rows, and how long it waits for each of them.
const LARGEST: usize = 5;
const RANGE_PATIENCE: Duration = Duration::from_millis(100);

/// The text, kept for a while.
pub struct Instructions(Arc<Shared>);

struct Shared {
    database: Arc<Database>,
    role_check: Arc<RoleCheck>,
    freshness: Arc<Freshness>,
    schemas: Vec<String>,
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    /// The text with what the database said, and since when it is known.
    text: Option<(Instant, String)>,
    /// When the database last failed to answer.
    failed: Option<Instant>,
    /// Somebody is asking the database.
    asking: bool,
}

/// What the database says.
#[derive(Default)]
struct Overview {
    here: Option<Here>,
    meaning: Option<Meaning>,
    schemas: Vec<Schema>,
    /// `tracksolid.positions ts … to …` of the largest table of each schema.
    ranges: Vec<String>,
}

/// What the catalog says of one schema.
#[derive(Deserialize)]
struct Schema {
    schema: String,
    comment: Option<String>,
    tables: Vec<String>,
    /// How many more there are.
    more: usize,
    /// Its largest table.
    largest: Option<String>,
}

impl Instructions {
    /// Nothing is known yet of these schemas.
    pub fn new(
        database: Arc<Database>,
        role_check: Arc<RoleCheck>,
        freshness: Arc<Freshness>,
        schemas: Vec<String>,
    ) -> Instructions {
        let (state, answered) = (Mutex::default(), Condvar::new());
        Instructions(Arc::new(Shared { database, role_check, freshness, schemas, state, answered }))
    }

    /// The text as of now.
    pub fn text(&self) -> String {
        let mut state = self.0.lock();
        let fresh = state.text.as_ref().is_some_and(|(at, _)| at.elapsed() < VALID);
        let silent = state.failed.is_some_and(|at| at.elapsed() < SILENT);
        if !fresh && !silent {
            state.asking = state.asking || self.ask();
            let until = |state: &mut State| state.asking;
            let answered = self.0.answered.wait_timeout_while(state, PATIENCE, until);
            state = answered.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.text.as_ref().map_or_else(|| compose(&Overview::default()), |(_, text)| text.clone())
    }

    /// Begins to ask the database; false when there is no thread for it.
    fn ask(&self) -> bool {
        let shared = Arc::clone(&self.0);
        let asking = thread::Builder::new().name("instructions".to_owned()).spawn(move || {
            let overview = panic::catch_unwind(AssertUnwindSafe(|| shared.look())).ok().flatten();
            let listed: Vec<(String, Vec<String>)> = overview
                .iter()
                .flat_map(|overview| &overview.schemas)
                .map(|schema| (schema.schema.clone(), schema.tables.clone()))
                .collect();
            let mut state = shared.lock();
            match overview {
                Some(overview) => (state.text, state.failed) = (Some((Instant::now(), compose(&overview))), None),
                None => state.failed = Some(Instant::now()),
            }
            state.asking = false;
            drop(state);
            shared.answered.notify_all();
            // The client that connects now lists tables next.
            for (schema, tables) in listed {
                shared.freshness.of(&schema, &tables, SILENT);
            }
        });
        asking.is_ok()
    }
}

impl Shared {
    /// Asks the catalog, without patience: as if the caller had been waiting for long.
    fn look(&self) -> Option<Overview> {
        let names = catalog::parameter(&self.schemas);
        let here: Here = self.rows(&catalog::HERE, &[])?.pop()?;
        let schemas: Vec<Schema> = self.rows(&catalog::OVERVIEW, &[&names])?;
        let meaning =
            if here.meaning { self.rows(&catalog::MEANING, &[]).and_then(|mut rows| rows.pop()) } else { None };
        let largest = schemas.iter().filter_map(|of| Some((of.schema.as_str(), of.largest.as_deref()?)));
        let ranges = largest.take(LARGEST).filter_map(|(schema, table)| self.range(schema, table)).collect();
        Some(Overview { here: Some(here), meaning, schemas, ranges })
    }

    /// `tracksolid.positions: ts … to …`
    fn range(&self, schema: &str, table: &str) -> Option<String> {
        let facts = self.freshness.of(schema, &[table.to_owned()], RANGE_PATIENCE).remove(table)?;
        Some(format!("{schema}.{table} {}", facts.range()?))
    }

    fn rows<T: DeserializeOwned>(&self, statement: &Statement, params: &[&str]) -> Option<Vec<T>> {
        let rows = |reading: Reading<'_>| catalog::list(reading, statement, params, catalog::MAX_BYTES);
        let list = self.role_check.read_at_once(&self.database, "instructions", &catalog::BRIEF, rows).ok()?;
        catalog::parse(&list).ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compose(overview: &Overview) -> String {
    let mut text = String::new();
    if let Some(meaning) = &overview.meaning {
        text.push_str(&clean(&catalog::definitions(meaning)));
        text.push('\n');
    }
    text.push_str("Read-only SQL on the fleet database");
    if let Some(here) = &overview.here {
        text.push_str(&format!(
            " {}. Now: {}. The session's time zone is {}: current_date, ts::date and date_trunc are local",
            here.database, here.now, here.timezone
        ));
        if here.timescaledb.is_none() {
            text.push_str(". No TimescaleDB: date_bin in place of time_bucket");
        }
    }
    text.push_str(".\n");
    if !overview.ranges.is_empty() {
        let ranges = clean(&overview.ranges.join("; "));
        text.push_str(&format!("Data: {ranges}; list_tables has the others.\n"));
    }
    text.push_str(
        "search finds tables, columns and definitions by words; list_tables and describe_table say what columns mean, hold and how \
         far they reach; query answers. Comments are the data dictionary. Views of reporting answer more simply than raw tables, typed \
         columns than a `raw` one.\n",
    );
    // Names and comments are anybody's: none may look like a line of the program's own.
    for line in lines(&overview.schemas, MAX_BYTES.saturating_sub(text.len())) {
        text.push_str(&clean(&line));
        text.push('\n');
    }
    let end = (0..=MAX_BYTES.min(text.trim_end().len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

/// A line for each schema: `reporting: v_daily_summary, v_trips. Curated reporting layer; start here.` The names come first, then the
/// first sentence of each comment, then the second, and so on, as long as they fit whole into so many bytes.
fn lines(schemas: &[Schema], most: usize) -> Vec<String> {
    let share = most.checked_div(schemas.len()).unwrap_or_default();
    let mut lines: Vec<String> = schemas.iter().map(|schema| names(schema, share)).collect();
    let comments: Vec<String> = schemas
        .iter()
        .map(|schema| schema.comment.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<&str>>().join(" "))
        .collect();
    let mut sentences: Vec<_> = comments.iter().map(|comment| comment.split_inclusive(". ")).collect();
    let mut left = lines.iter().fold(most, |left, line| left.saturating_sub(line.len()).saturating_sub(1));
    let mut goes_on = true;
    while goes_on {
        goes_on = false;
        for (line, sentences) in lines.iter_mut().zip(&mut sentences) {
            let Some(sentence) = sentences.next() else { continue };
            let sentence = sentence.trim_end();
            if sentence.len() < left {
                left = left.saturating_sub(sentence.len()).saturating_sub(1);
                line.push(' ');
                line.push_str(sentence);
                goes_on = true;
            } else {
                // What comes after it would not be understood.
                *sentences = "".split_inclusive(". ");
            }
        }
    }
    lines
}

/// `reporting: v_daily_summary, v_trips.`
fn names(Schema { schema, tables, more, .. }: &Schema, most: usize) -> String {
    let room = most.saturating_sub(schema.len()).saturating_sub(4);
    let whole = catalog::fitting(tables, room);
    // The number of those that are left out needs its place, too.
    let (names, left_out) =
        if whole.1 == 0 && *more == 0 { whole } else { catalog::fitting(tables, room.saturating_sub(20)) };
    let more = more.saturating_add(left_out);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{schema}: {names}{more}.")
}

#[cfg(test)]
#[path = "../tests/unit/instructions.rs"]
mod tests;
