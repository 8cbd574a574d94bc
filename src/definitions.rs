//! Does the SQL of the catalogue of meaning (`analytics_meta`) still work?
//!
//! In: the live database. Out: what the guard or PostgreSQL refuses of it, by name. Each text goes the way of an analyst's, and is
//! explained, not executed.

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{self, Here},
    db::{Caller, Cancel, Database, Flow, Reading},
    error::Failure,
    guard::{self, Known},
    rows::List,
    statement::{PlanOptions, Statement},
};

const TEXTS: Statement = Statement::own(include_str!("catalog/definitions.sql"));

/// What was found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How many texts there are.
    pub checked: usize,
    /// Those that do not work: where each stands, and why.
    pub broken: Vec<String>,
}

#[derive(Deserialize)]
struct Text {
    table: String,
    name: String,
    sql: String,
}

/// Tries every text; none where there is no catalogue that may be read.
///
/// # Errors
/// The catalogue cannot be read.
pub fn check(database: &Database, known: &Known) -> Result<Option<Checked>, Failure> {
    let list = |statement: &Statement| {
        let rows: List = read(database, |mut reading| {
            catalog::begin(&mut reading, &catalog::LIMIT)?;
            catalog::list(reading, statement, &[], catalog::MAX_BYTES)
        })?;
        Ok::<List, Failure>(rows)
    };
    let here: Vec<Here> = catalog::parse(&list(&catalog::HERE)?)?;
    if !here.first().is_some_and(|here| here.meaning) {
        return Ok(None);
    }
    let texts: Vec<Text> = catalog::parse(&list(&TEXTS)?)?;
    let broken = texts.iter().filter_map(|text| {
        let failure = explain(database, known, &text.sql).err()?;
        let hint = failure.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        Some(format!("analytics_meta.{} {}: {}{hint}", text.table, text.name, failure.message))
    });
    Ok(Some(Checked { checked: texts.len(), broken: broken.collect() }))
}

fn explain(database: &Database, known: &Known, sql: &str) -> Result<(), Failure> {
    let checked = guard::admit(sql, known)?;
    let plan = Statement::plan(&checked, 1, PlanOptions::Lines);
    read(database, |reading| reading.run_last(&plan, &[], (), |(), _| Flow::More))
}

fn read<T>(database: &Database, job: impl FnMut(Reading<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    database.read(&Caller::Server("check"), &Arc::<Cancel>::default(), Instant::now(), job)
}
