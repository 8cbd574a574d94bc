//! The plan of a query, which is not executed, and advice where it reads more than it has to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::call::{Admitted, Outcome};
use crate::{
    answer::Answer,
    catalog,
    db::{Flow, Row},
    freshness::{self, Facts},
    guard::ReadOnlySql,
    plan::Plan,
    statement::{PlanOptions, Statement},
};

/// A table of fewer rows may be read as a whole.
const LARGE: i64 = 100_000;
/// The most bytes of a plan.
const MOST: usize = 12_000;

/// A table, or the one of which it is a part.
#[derive(Deserialize)]
struct Parent {
    schema: String,
    table: String,
    part_schema: String,
    part: String,
    rows: i64,
}

/// The plan as PostgreSQL writes it, then advice.
pub(super) fn explain(admitted: &Admitted<'_>, checked: &ReadOnlySql, max_rows: u32) -> Outcome {
    let (json, lines) = admitted.read(|mut reading| {
        let json = reading.run(&Statement::plan(checked, max_rows, PlanOptions::Json), &[], String::new(), text)?;
        Ok((json, reading.run_last(&Statement::plan(checked, max_rows, PlanOptions::Lines), &[], String::new(), text)?))
    })?;
    let mut answer = format!(
        "The plan, which has not been run; costs and rows are estimates. The outermost Limit is this server's.\n{}",
        lines.trim_end()
    );
    for advice in advice(admitted, &Plan::read(&json)) {
        answer.push_str(&format!("\nadvice: {advice}"));
    }
    Ok(Answer::new(&answer))
}

/// Takes a row of one text as a line.
fn text(lines: &mut String, row: Row<'_>) -> Flow {
    match row {
        Row::Values([Some(line)]) if lines.len() < MOST || line.starts_with('[') => {
            lines.push_str(line);
            lines.push('\n');
            Flow::More
        }
        _ => Flow::Stop,
    }
}

/// One sentence for each table that is read too far, and for each pair of tables that is crossed.
fn advice(admitted: &Admitted<'_>, plan: &Plan) -> Vec<String> {
    let scanned: BTreeSet<(&str, &str)> =
        plan.scans.iter().map(|scan| (scan.schema.as_str(), scan.table.as_str())).collect();
    let parents = admitted.more::<Parent>(&catalog::PARENTS, &[&json!(scanned).to_string()]).unwrap_or_default();
    let mut whole: BTreeMap<(&str, &str), (i64, String)> = BTreeMap::new();
    let mut known: BTreeMap<(&str, &str), Option<Facts>> = BTreeMap::new();
    for parent in &parents {
        let table = (parent.schema.as_str(), parent.table.as_str());
        let facts = known.entry(table).or_insert_with(|| {
            let name = std::slice::from_ref(&parent.table);
            admitted.app.freshness.of(&parent.schema, name, freshness::PATIENCE).remove(&parent.table)
        });
        let Some(Facts { time: Some(time), hypertable, .. }) = facts else { continue };
        let rows = hypertable.as_ref().and_then(|table| table.rows).unwrap_or(parent.rows);
        let scans = plan.scans.iter().filter(|scan| scan.schema == parent.part_schema && scan.table == parent.part);
        if rows >= LARGE && scans.into_iter().any(|scan| !mentions(&scan.conditions, time)) {
            whole.insert(table, (rows, time.clone()));
        }
    }
    let whole = whole.into_iter().map(|((schema, table), (rows, time))| {
        format!("{schema}.{table} (about {rows} rows) is read without a filter on its time column {time}; add one if a period is meant.")
    });
    let crossed = plan.crossed.iter().map(|(left, right, pairs)| {
        format!("{left} and {right} are crossed: no condition joins them, which makes about {pairs} pairs of rows; join them with ON or USING.")
    });
    whole.chain(crossed).collect()
}

/// Whether a condition speaks of this column.
fn mentions(conditions: &str, column: &str) -> bool {
    conditions.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == column)
}
