//! How the database is asked from when to when tables have rows: step by step, the quick ones first.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Facts, Hypertable, Shared, second};
use crate::{
    catalog::{self, Here},
    db::{Flow, Reading},
    error::{Code, Failure},
    rows::List,
    statement::{Look, Statement},
};

/// The limits of a look at a table, and of a look at the catalog.
const SHORT: Statement = Statement::own("SET LOCAL statement_timeout = '40ms'");
const LONGER: Statement = Statement::own("SET LOCAL statement_timeout = '2s'");
/// How long one transaction goes on with steps.
const MOMENT: Duration = Duration::from_millis(100);
/// A view that PostgreSQL expects to cost more is not read: about what it reads in 40 ms.
const MOST_COST: f64 = 20_000.0;
/// After so many transactions without a connection nothing more is asked.
const MOST_LOST: u32 = 3;

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
    /// The column has an index there.
    indexed: bool,
}

/// A table, what is known of it so far, and how many steps are left.
struct Table {
    times: Times,
    facts: Facts,
    left: usize,
}

/// One statement that finds out more of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The ends of the columns with an index.
    Indexed,
    /// The end, and then the beginning, of a hypertable: each looked for in one chunk only.
    Newest,
    Oldest,
    /// The time of a small table.
    Few,
    /// The time of a view.
    Whole,
    /// A view that is slow to read ends where the table does from which its time comes.
    Source,
}

/// Asks for all of these.
pub(super) fn look(shared: &Shared, schema: &str, names: &[String]) -> Option<()> {
    let parameter = catalog::parameter(names);
    let params = [schema, parameter.as_str()];
    let here: Here = rows(shared, &catalog::HERE, &[]).ok()?.pop()?;
    let times: Vec<Times> = rows(shared, &catalog::TIMES, &params).ok()?;
    let hypertables: Vec<Hypertable> = match here.timescaledb {
        Some(extension) => rows(shared, &Statement::hypertables(&extension), &params).unwrap_or_default(),
        None => Vec::new(),
    };
    let mut hypertables: HashMap<String, Hypertable> =
        hypertables.into_iter().map(|table| (table.name.clone(), table)).collect();
    let mut tables: Vec<Table> = Vec::new();
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for times in times {
        let hypertable = hypertables.remove(&times.name);
        let time = hypertable.as_ref().and_then(|table| table.time.clone()).or_else(|| times.time.clone());
        let about = hypertable.as_ref().and_then(Hypertable::bound);
        let own = Step::of(&times, hypertable.as_ref());
        steps.extend(own.iter().map(|step| (tables.len(), *step)));
        let facts = Facts { time, about, hypertable, ..Facts::default() };
        shared.publish((schema.to_owned(), times.name.clone()), facts.clone(), own.is_empty());
        tables.push(Table { times, facts, left: own.len() });
    }
    // Those that may take their time come last.
    steps.sort_by_key(|(_, step)| matches!(step, Step::Whole | Step::Source));
    walk(shared, schema, &mut tables, steps.into())
}

impl Step {
    fn of(times: &Times, hypertable: Option<&Hypertable>) -> Vec<Step> {
        if hypertable.is_some() && !times.whole {
            return vec![Step::Newest, Step::Oldest];
        }
        let mut steps = Vec::new();
        if !times.indexed.is_empty() {
            steps.push(Step::Indexed);
        }
        match &times.time {
            Some(time) if times.indexed.contains(time) => {}
            Some(_) if times.whole => steps.extend([Step::Whole, Step::Source]),
            Some(_) => steps.push(Step::Few),
            None => {}
        }
        steps
    }
}

/// Takes the steps, those of a moment in one transaction: it holds a session, and locks that a change of a table waits for. An error
/// ends a transaction, too.
fn walk(shared: &Shared, schema: &str, tables: &mut [Table], mut steps: VecDeque<(usize, Step)>) -> Option<()> {
    let mut lost = 0_u32;
    while !steps.is_empty() && lost < MOST_LOST {
        let (began, before) = (Instant::now(), steps.len());
        let walked = read(shared, &SHORT, |mut reading| {
            while began.elapsed() < MOMENT
                && let Some((index, step)) = steps.pop_front()
            {
                let Some(table) = tables.get_mut(index) else { continue };
                // A view may have changed the limit.
                let found = set(&mut reading, &SHORT).and_then(|()| take(&mut reading, schema, table, step));
                let late = found.as_ref().is_err_and(|failure| failure.code == Code::Timeout);
                // A view will be as slow next time; an index was slow because the machine was busy.
                table.facts.slow |= late && step == Step::Whole;
                table.left = table.left.saturating_sub(1);
                let name = (schema.to_owned(), table.times.name.clone());
                shared.publish(name, table.facts.clone(), table.left == 0);
                found?;
            }
            Ok(())
        });
        match walked {
            // PostgreSQL did not even end it: it is in code that cannot be interrupted, and nothing is risked for a while.
            Err(failure) if failure.code == Code::Timeout && failure.sqlstate.is_none() => {
                shared.pause();
                return None;
            }
            // Or it did not come to a step at all.
            Err(failure) if !matches!(failure.code, Code::Sql | Code::Timeout) || steps.len() == before => {
                lost = lost.saturating_add(1);
            }
            _ => {}
        }
    }
    Some(())
}

/// Takes one step.
fn take(
    reading: &mut Reading<'_>,
    schema: &str,
    Table { times, facts, .. }: &mut Table,
    step: Step,
) -> Result<(), Failure> {
    let table = (schema, times.name.as_str());
    let time = facts.time.clone().unwrap_or_default();
    let columns = [time.as_str()];
    match step {
        Step::Indexed => {
            let columns: Vec<&str> = times.indexed.iter().map(String::as_str).collect();
            facts.ends.extend(ends(reading, table, &columns, Look::Indexed)?);
        }
        Step::Few => facts.ends.extend(ends(reading, table, &columns, Look::Few)?),
        Step::Whole if cost(reading, table, &columns)? > MOST_COST => facts.slow = true,
        Step::Whole => facts.ends.extend(ends(reading, table, &columns, Look::Whole)?),
        Step::Newest | Step::Oldest => {
            let Some(hypertable) = &facts.hypertable else { return Ok(()) };
            let (Some(from), Some(before), Some(first)) =
                (&hypertable.newest_begins, &hypertable.oldest_ends, &hypertable.from)
            else {
                return Ok(());
            };
            if step == Step::Newest {
                if let Some((_, (_, last))) = ends(reading, table, &columns, Look::From(from))?.into_iter().next() {
                    facts.about = Some(format!("{time} from about {} to {}", second(first), second(&last)));
                    facts.newest = Some(last);
                }
            } else if let Some(last) = facts.newest.clone()
                && let Some((_, (first, _))) = ends(reading, table, &columns, Look::Before(before))?.into_iter().next()
            {
                facts.ends.insert(time, (first, last));
            }
        }
        Step::Source => {
            let Some(source) =
                times.source.as_ref().filter(|_| facts.about.is_none() && !facts.ends.contains_key(&time))
            else {
                return Ok(());
            };
            let look = if source.indexed { Look::Indexed } else { Look::Few };
            if let Some((_, (first, last))) =
                ends(reading, (&source.schema, &source.table), &columns, look)?.into_iter().next()
            {
                let (first, last) = (second(&first), second(&last));
                facts.about =
                    Some(format!("{time} {first} to {last} in {}.{}, which it reads", source.schema, source.table));
            }
        }
    }
    Ok(())
}

/// A column with its lowest and its highest value.
type Ends = (String, (String, String));

/// The ends of those columns that have any.
fn ends(
    reading: &mut Reading<'_>,
    (schema, table): (&str, &str),
    columns: &[&str],
    look: Look<'_>,
) -> Result<Vec<Ends>, Failure> {
    let statement = Statement::ends(schema, table, columns, look);
    let list = reading.run(&statement, &[], List::new(catalog::MAX_BYTES), List::push)?;
    let values = catalog::parse::<Vec<Option<String>>>(&list)?.pop().unwrap_or_default();
    let pairs = columns.iter().zip(values.chunks(2)).filter_map(|(column, pair)| match pair {
        [Some(first), Some(last)] => Some(((*column).to_owned(), (first.clone(), last.clone()))),
        _ => None,
    });
    Ok(pairs.collect())
}

/// What PostgreSQL expects the look at a view to cost. A page read from disk costs 1.
fn cost(reading: &mut Reading<'_>, (schema, table): (&str, &str), columns: &[&str]) -> Result<f64, Failure> {
    let statement = Statement::cost_of_ends(schema, table, columns);
    let list = reading.run(&statement, &[], List::new(catalog::MAX_BYTES), List::push)?;
    let plan = catalog::parse::<Value>(&list)?.pop().unwrap_or_default();
    Ok(plan.pointer("/0/Plan/Total Cost").and_then(Value::as_f64).unwrap_or(f64::MAX))
}

fn set(reading: &mut Reading<'_>, setting: &Statement) -> Result<(), Failure> {
    reading.run(setting, &[], (), |(), _| Flow::More)
}

/// The rows of a statement about the catalog.
fn rows<T: DeserializeOwned>(shared: &Shared, statement: &Statement, params: &[&str]) -> Result<Vec<T>, Failure> {
    let list = read(shared, &LONGER, |reading| catalog::list(reading, statement, params, catalog::MAX_BYTES))?;
    catalog::parse(&list)
}

/// Reads in the server's own name.
fn read<T>(
    shared: &Shared,
    limit: &Statement,
    job: impl FnMut(Reading<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    shared.role_check.read_at_once(&shared.database, "freshness", limit, job)
}
