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
    db::{self, Caller, Cancel, Database, Reading},
    freshness::Freshness,
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
/// Of how many tables the text says from when to when they have rows, and how long it waits for each of them.
const LARGEST: usize = 3;
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
    /// `tracksolid.positions ts … to …` of the largest tables.
    ranges: Vec<String>,
}

/// What the catalog says of one schema.
#[derive(Deserialize)]
struct Schema {
    schema: String,
    comment: Option<String>,
    tables: Vec<String>,
    /// Names, and about how many rows they have.
    largest: Vec<(String, i64)>,
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
        let mut largest: Vec<(&str, &str, i64)> = schemas
            .iter()
            .flat_map(|of| of.largest.iter().map(|(table, rows)| (of.schema.as_str(), table.as_str(), *rows)))
            .collect();
        largest.sort_by_key(|(.., rows)| std::cmp::Reverse(*rows));
        let ranges =
            largest.into_iter().take(LARGEST).filter_map(|(schema, table, _)| self.range(schema, table)).collect();
        Some(Overview { here: Some(here), meaning, schemas, ranges })
    }

    /// `tracksolid.positions: ts … to …`
    fn range(&self, schema: &str, table: &str) -> Option<String> {
        let facts = self.freshness.of(schema, &[table.to_owned()], RANGE_PATIENCE).remove(table)?;
        Some(format!("{schema}.{table} {}", facts.range()?))
    }

    fn rows<T: DeserializeOwned>(&self, statement: &Statement, params: &[&str]) -> Option<Vec<T>> {
        let cancel = Arc::<Cancel>::default();
        let started = Instant::now().checked_sub(db::PATIENCE)?;
        self.role_check.ensure(&self.database, &cancel, started).ok()?;
        let caller = Caller::Server("instructions");
        let rows = |reading: Reading<'_>| catalog::list(reading, statement, params, catalog::MAX_BYTES);
        catalog::parse(&self.database.read(&caller, &cancel, started, rows).ok()?).ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compose(overview: &Overview) -> String {
    let mut text = String::from("Read-only SQL on the fleet database");
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
    if let Some(meaning) = &overview.meaning {
        text.push_str(&clip(&catalog::definitions(meaning), 400));
        text.push('\n');
    }
    if !overview.ranges.is_empty() {
        text.push_str(&format!("Data: {}; list_tables has the others.\n", overview.ranges.join("; ")));
    }
    text.push_str(
        "search finds tables, columns and definitions by words; list_tables and describe_table say what columns mean, hold and how \
         far they reach; query answers. Comments are the data dictionary. Views of reporting before raw tables, typed columns before \
         a `raw` one.\n",
    );
    // What is left is divided evenly, so that a long comment does not push another schema out.
    for (index, schema) in overview.schemas.iter().enumerate() {
        let left = MAX_BYTES.saturating_sub(text.len());
        let remaining = overview.schemas.len().saturating_sub(index);
        let share = left.checked_div(remaining).unwrap_or_default().saturating_sub(1);
        let comment = schema.comment.as_deref().unwrap_or_default();
        let line = format!("{}: {}. {}", schema.schema, schema.tables.join(", "), comment.trim()).replace('\n', " ");
        text.push_str(&clip(line.trim_end(), share));
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// At most `most` bytes, cut after a word.
fn clip(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let cut = text.get(..end).unwrap_or_default();
    let word = cut.rfind(' ').and_then(|space| cut.get(..space)).unwrap_or(cut);
    format!("{}…", word.trim_end_matches([',', ' ']))
}

#[cfg(test)]
#[path = "../tests/unit/instructions.rs"]
mod tests;
