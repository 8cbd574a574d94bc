//! The plan of a query, which is not run, and advice where it reads more than it has to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::{
    call::{Admitted, Outcome},
    lines,
};
use crate::{
    answer::Answer,
    catalog,
    db::{Flow, Row},
    freshness::{self, Facts},
    guard::ReadOnlySql,
    invisible::clean,
    plan::Plan,
    statement::{PlanOptions, Statement},
};

/// A table of fewer rows may be read as a whole.
const LARGE: i64 = 100_000;
/// Of how many tables is looked up by which column they are filtered.
const MOST_TABLES: usize = 5;
/// The most bytes of a plan, and the most characters of a line of it.
const MOST: usize = 12_000;
const LINE: usize = 400;

/// A table, or the one of which it is a part.
#[derive(Deserialize)]
struct Parent {
    schema: String,
    table: String,
    part_schema: String,
    part: String,
    rows: i64,
    /// It has partitions or chunks. Of compressed ones the rows are not known.
    has_parts: bool,
}

/// Advice, then the plan as PostgreSQL writes it.
pub(super) fn explain(admitted: &Admitted<'_>, checked: &ReadOnlySql, max_rows: u32) -> Outcome {
    let statement = Statement::plan(checked, max_rows, PlanOptions::Lines);
    let plan = admitted.read(|reading| reading.run_last(&statement, &[], Lines::default(), Lines::push))?;
    // A transaction of its own: after an answer that was too long there is nothing more to be had in the first.
    let statement = Statement::plan(checked, max_rows, PlanOptions::Json);
    let json = if plan.is_cut {
        Ok(String::new())
    } else {
        admitted.read(|reading| reading.run_last(&statement, &[], String::new(), whole))
    };
    let json = json.unwrap_or_default();
    let head = "The plan, which has not been run; costs and rows are estimates. The outermost Limit is this server's.";
    let mut text = vec![head.to_owned()];
    text.extend(advice(admitted, &Plan::read(&json)).iter().map(|advice| format!("advice: {advice}")));
    text.extend(plan.lines);
    text.extend(plan.is_cut.then(|| "… The plan is longer: simplify the query to see all of it.".to_owned()));
    Ok(Answer { truncated: plan.is_cut, ..Answer::new(&text.join("\n")) })
}

/// Takes the one row of a plan in JSON.
fn whole(json: &mut String, row: Row<'_>) -> Flow {
    let Row::Values([Some(text)]) = row else { return Flow::Stop };
    json.push_str(text);
    Flow::More
}

/// The lines of a plan.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    bytes: usize,
    is_cut: bool,
}

impl Lines {
    /// Takes the next row. A literal in it may have line breaks: it is one line all the same.
    fn push(&mut self, row: Row<'_>) -> Flow {
        let line = match row {
            Row::Values([Some(line)]) => format!("  {}", lines::cut(&clean(line), LINE)),
            _ => String::new(),
        };
        self.bytes = self.bytes.saturating_add(line.len());
        if self.bytes > MOST || line.is_empty() {
            self.is_cut = true;
            return Flow::Stop;
        }
        self.lines.push(line);
        Flow::More
    }
}

/// One sentence for each table that is read too far, and for each pair of tables that is crossed.
fn advice(admitted: &Admitted<'_>, plan: &Plan) -> Vec<String> {
    let mut advice = read_whole(admitted, plan);
    advice.extend(plan.crossed.iter().take(MOST_TABLES).map(|(left, right, pairs)| {
        let (left, right) = (clean(left), clean(right));
        format!("{left} and {right} are crossed: no condition joins them, which makes about {pairs} pairs of rows; join them with ON or USING.")
    }));
    advice
}

fn read_whole(admitted: &Admitted<'_>, plan: &Plan) -> Vec<String> {
    let scanned: BTreeSet<(&str, &str)> =
        plan.scans.iter().map(|scan| (scan.schema.as_str(), scan.table.as_str())).collect();
    let scanned = json!(scanned).to_string();
    let mut parents = admitted.more::<Parent>(&catalog::PARENTS, &[&scanned], &catalog::BRIEF).unwrap_or_default();
    parents.retain(|parent| parent.rows >= LARGE || parent.has_parts);
    parents.sort_by_key(|parent| std::cmp::Reverse(parent.rows));
    // All the tables of a schema are asked for at once.
    let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for parent in &parents {
        let count: usize = tables.values().map(Vec::len).sum();
        let tables = tables.entry(&parent.schema).or_default();
        if count < MOST_TABLES && !tables.contains(&parent.table) {
            tables.push(parent.table.clone());
        }
    }
    let mut advice = Vec::new();
    for (schema, names) in tables {
        for (name, facts) in admitted.app.freshness.of(schema, &names, freshness::PATIENCE) {
            let Facts { time: Some(time), hypertable, .. } = facts else { continue };
            let parts: Vec<&Parent> =
                parents.iter().filter(|parent| parent.schema == schema && parent.table == name).collect();
            let known = hypertable.and_then(|table| table.rows);
            let rows = known.or(parts.first().map(|part| part.rows)).unwrap_or_default();
            let is_part = |scan: &crate::plan::Scan| {
                parts.iter().any(|part| part.part_schema == scan.schema && part.part == scan.table)
            };
            if rows >= LARGE && plan.scans.iter().any(|scan| is_part(scan) && !mentions(&scan.conditions, &time)) {
                let (table, time) = (clean(&format!("{schema}.{name}")), clean(&time));
                advice.push(format!("{table} (about {rows} rows) is read without a filter on its time column {time}; add one if a period is meant."));
            }
        }
    }
    advice
}

/// Whether a condition speaks of this column.
fn mentions(conditions: &str, column: &str) -> bool {
    conditions.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == column)
}
