//! How the catalog is written for a model: short text, a line an object, a line a column.
//!
//! In: rows of the catalog and what is known of a table's times. Out: lines. What is an estimate says so.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{catalog::Here, config::MASKED, freshness::Facts, hidden_columns::HiddenColumn};

/// The most characters of a comment in a list, of one value, and of a list of values.
const COMMENT: usize = 400;
const VALUE: usize = 40;
const VALUES: usize = 400;

/// A row of `list_schemas`.
#[derive(Deserialize)]
pub(super) struct Schema {
    schema: String,
    readable: bool,
    tables: u64,
    views: u64,
    materialized_views: u64,
    functions: u64,
    comment: Option<String>,
}

/// A row of `list_tables`.
#[derive(Deserialize)]
pub(super) struct Table {
    pub(super) name: String,
    /// How many there are in all.
    pub(super) all: usize,
    kind: String,
    columns: u64,
    /// So many of them cannot be read.
    #[serde(default)]
    hidden: u64,
    rows: Option<i64>,
    comment: Option<String>,
}

/// A row of `list_functions`.
#[derive(Deserialize)]
pub(super) struct Function {
    name: String,
    arguments: String,
    returns: Option<String>,
    comment: Option<String>,
    body: Option<String>,
}

/// The row of `describe_table`.
#[derive(Deserialize)]
pub(super) struct Description {
    kind: String,
    comment: Option<String>,
    rows: Option<i64>,
    analyzed: Option<String>,
    partition_key: Option<String>,
    columns: Vec<Column>,
    #[serde(default)]
    keys: Vec<Option<String>>,
    #[serde(default)]
    referenced_by: Vec<String>,
    #[serde(default)]
    indexes: Vec<String>,
    definition: Option<String>,
    #[serde(default)]
    has_definition: bool,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    hidden: bool,
    comment: Option<String>,
    generated: Option<String>,
    #[serde(default)]
    check: Vec<String>,
    labels: Option<Vec<String>>,
    refers: Option<String>,
    null_share: Option<f64>,
    values: Option<Vec<String>>,
    elements: Option<Vec<Option<String>>>,
    low: Option<String>,
    high: Option<String>,
    example: Option<String>,
}

/// What to write where a function of TimescaleDB is missed.
pub(super) const NO_TIMESCALEDB: &str = "TimescaleDB is not installed: in place of time_bucket('15 minutes', ts) write date_bin('15 minutes', ts, timestamptz '2000-01-01') or date_trunc('hour', ts).";

/// When it is, and how the session counts days.
pub(super) fn now(here: &Here) -> String {
    format!("Now: {} ({}; current_date and ts::date are days there).", here.now, here.timezone)
}

impl Schema {
    /// That of parts of hidden columns is there only where some are shown.
    pub(super) fn is_worth_a_line(&self) -> bool {
        self.readable || self.schema != MASKED
    }

    /// `fuel: 2 tables, 7 functions. Fuel card fills: …`
    pub(super) fn line(&self) -> String {
        if !self.readable {
            return format!("{}: not there, or not readable", self.schema);
        }
        let counts = [
            (self.tables, "table", "tables"),
            (self.views, "view", "views"),
            (self.materialized_views, "materialized view", "materialized views"),
            (self.functions, "function", "functions"),
        ];
        let counts = counts.iter().filter(|(count, ..)| *count > 0);
        let counts: Vec<String> =
            counts.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many })).collect();
        let counts = if counts.is_empty() { "nothing readable".to_owned() } else { counts.join(", ") };
        format!("{}: {counts}.{}", self.schema, comment(self.comment.as_deref(), usize::MAX))
    }
}

impl Table {
    /// `inc: table, 25 columns, about 6000 rows, opened_at … to …. Incident tickets (INC), …`
    pub(super) fn line(&self, facts: &Facts) -> String {
        let hypertable = facts.hypertable.as_ref();
        let kind = hypertable.map_or(&self.kind, |table| &table.kind);
        let rows = rows(hypertable.map_or(self.rows, |table| table.rows));
        let range = facts.range().map(|range| format!(", {range}")).unwrap_or_default();
        let columns = if self.columns == 1 { "1 column".to_owned() } else { format!("{} columns", self.columns) };
        let hidden = if self.hidden > 0 { format!(" ({} hidden)", self.hidden) } else { String::new() };
        let comment = comment(self.comment.as_deref(), COMMENT);
        format!("{}: {kind}, {columns}{hidden}{rows}{range}.{comment}", self.name)
    }
}

impl Function {
    /// `fn_price(p_fuel_type text, …) returns numeric. Last pump price …`, and the SQL where that was wanted.
    pub(super) fn lines(&self) -> Vec<String> {
        let returns = self.returns.as_ref().map(|returns| format!(" returns {}", short(returns))).unwrap_or_default();
        let what = comment(self.comment.as_deref(), COMMENT);
        let what = if what.is_empty() { " It has no comment.".to_owned() } else { what };
        let mut lines = vec![format!("{}({}){returns}.{what}", self.name, short(&self.arguments))];
        lines.extend(self.body.iter().flat_map(|body| sql(body)));
        lines
    }
}

impl Description {
    /// The whole description, in lines. `name` is `schema.table`, and `listed` are its columns that a file hides.
    pub(super) fn lines(
        &self,
        name: &str,
        facts: &Facts,
        here: &Here,
        listed: &[&HiddenColumn],
        wants_definition: bool,
    ) -> Vec<String> {
        let hypertable = facts.hypertable.as_ref();
        let kind = hypertable.map_or(&self.kind, |table| &table.kind);
        let of = hypertable.and_then(|table| table.of.as_ref()).map(|of| format!(" of {of}")).unwrap_or_default();
        let rows = rows(hypertable.map_or(self.rows, |table| table.rows));
        let range = facts.range().map(|range| format!(", {range}")).unwrap_or_default();
        let comment = comment(self.comment.as_deref(), usize::MAX);
        let mut lines = vec![format!("{name}: {kind}{of}{rows}{range}.{comment}"), now(here)];
        lines.extend(hypertable.map(|table| table.text()).filter(|about| !about.is_empty()));
        if self.columns.iter().any(Column::is_estimated) {
            let behind = if self.kind == "view" { " of the tables that it reads" } else { "" };
            let since = self.analyzed.as_ref().map_or_else(|| behind.to_owned(), |day| format!(" of {day}"));
            lines.push(format!("Values, null shares and what is \"about\" are estimates from the statistics{since}."));
        }
        if self.columns.iter().any(|column| column.hidden) {
            lines.push("Columns are hidden here, so SELECT * is refused: name those that you read.".to_owned());
        }
        lines.extend(self.columns.iter().map(|column| {
            // Its comment may say what the operator's reason does not.
            match listed.iter().find(|hidden| column.hidden && hidden.column == column.name) {
                Some(hidden) => format!("{} {}: {}", column.name, short(&column.kind), hidden.text()),
                None => column.line(&facts.ends, facts.time.as_deref()),
            }
        }));
        lines.extend(self.partition_key.as_ref().map(|key| format!("partitioned by {key}")));
        let keys: Vec<&str> = self.keys.iter().flatten().map(String::as_str).collect();
        let lists = [("", keys), ("indexes: ", all(&self.indexes)), ("referenced by ", all(&self.referenced_by))];
        for (what, list) in lists {
            if !list.is_empty() {
                lines.push(format!("{what}{}", list.join(if what.is_empty() { "; " } else { ", " })));
            }
        }
        let definition = hypertable.and_then(|table| table.definition.as_ref()).or(self.definition.as_ref());
        match definition.filter(|_| wants_definition) {
            Some(definition) => {
                lines.push("definition:".to_owned());
                lines.extend(sql(definition));
            }
            None if wants_definition && self.has_definition => {
                lines.push(
                    "definition: not to be had at the moment, since the view is being changed; try again".to_owned(),
                );
            }
            None if self.has_definition => lines.push("definition: not shown; definition: true shows it".to_owned()),
            None => {}
        }
        lines
    }
}

fn all(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

impl Column {
    fn is_estimated(&self) -> bool {
        !self.hidden
            && (self.null_share.is_some() || self.values.is_some() || self.elements.is_some() || self.low.is_some())
    }

    /// `closed_at timestamptz: about … to …, 1.9 % null. When it was closed; null while open.`
    fn line(&self, ends: &HashMap<String, (String, String)>, time: Option<&str>) -> String {
        let kind = short(&self.kind);
        if self.hidden {
            return format!(
                "{} {kind}: hidden from this role.{}",
                self.name,
                comment(self.comment.as_deref(), COMMENT)
            );
        }
        let mut facts: Vec<String> = Vec::new();
        let allowed = self.check.iter().find_map(|check| allowed(check)).or_else(|| self.labels.clone());
        let said = |values: &[String]| {
            let comment = self.comment.as_deref().unwrap_or_default();
            values.iter().all(|value| comment.contains(value.as_str()))
        };
        match (&allowed, &self.values) {
            (Some(values), _) if said(values) => {}
            (Some(values), _) => facts.push(format!("one of {}", list(values))),
            (None, _) if self.low.is_some() && self.values.as_ref().is_none_or(|values| values.len() > 10) => {}
            (None, Some(values)) if said(values) => {}
            (None, Some(values)) if self.low.is_some() => facts.push(format!("values {}", list(&sorted(values)))),
            (None, Some(values)) => facts.push(format!("values {}", list(values))),
            (None, None) => {}
        }
        let listed = allowed.is_some() || self.values.as_ref().is_some_and(|values| values.len() <= 10);
        match (ends.get(&self.name), &self.low, &self.high) {
            _ if self.refers.is_some() || listed => {}
            // It stands at the head.
            _ if time == Some(&self.name) && ends.contains_key(&self.name) => {}
            (Some((low, high)), ..) => facts.push(format!("{low} to {high}")),
            (None, Some(low), Some(high)) => facts.push(format!("about {low} to {high}")),
            _ => {}
        }
        if let Some(elements) = &self.elements {
            facts.push(format!("elements {}", list(&elements.iter().flatten().cloned().collect::<Vec<String>>())));
        }
        let has_example = self.comment.as_deref().is_some_and(|comment| comment.contains("example"));
        let wants_example = facts.is_empty() && allowed.is_none() && !has_example;
        if let Some(example) = self.example.as_ref().filter(|_| wants_example) {
            facts.push(format!("such as {}", cut(example, VALUE)));
        }
        facts.extend(self.null_share.map(nulls));
        facts.extend(self.check.iter().filter(|check| self::allowed(check).is_none()).cloned());
        facts.extend(self.generated.as_ref().map(|expression| format!("generated as {expression}")));
        let refers = self.refers.as_ref().map(|refers| format!(" -> {refers}")).unwrap_or_default();
        let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
        let comment = comment(self.comment.as_deref(), usize::MAX);
        let end = if facts.is_empty() && comment.is_empty() {
            ""
        } else if facts.is_empty() {
            ":"
        } else {
            "."
        };
        format!("{} {kind}{refers}{facts}{end}{comment}", self.name)
    }
}

/// `, about 6000 rows`.
fn rows(rows: Option<i64>) -> String {
    rows.map(|rows| format!(", about {rows} rows")).unwrap_or_default()
}

/// ` Its text, in one line`, cut after so many characters.
pub(super) fn comment(comment: Option<&str>, most: usize) -> String {
    let comment = comment.unwrap_or_default().split_whitespace().collect::<Vec<&str>>().join(" ");
    if comment.is_empty() { comment } else { format!(" {}", cut(&comment, most)) }
}

/// SQL text, set off from the lines around it.
fn sql(text: &str) -> impl Iterator<Item = String> {
    text.trim().lines().map(|line| format!("  {line}"))
}

/// A text of so many characters at most.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// PostgreSQL's longer names of types, shortened. `public` is where extensions have theirs.
pub(super) fn short(kind: &str) -> String {
    kind.replace("public.", "")
        .replace("timestamp with time zone", "timestamptz")
        .replace("timestamp without time zone", "timestamp")
        .replace("character varying", "varchar")
}

/// The values, separated by commas; those that a comma or blanks would make unclear in quotes.
fn list(values: &[String]) -> String {
    let mut text = String::new();
    for value in values {
        let unclear = value.is_empty() || value.contains([',', '\n']) || value.trim() != value;
        let value = cut(value, VALUE);
        let value = if unclear { format!("'{value}'") } else { value };
        if text.len().saturating_add(value.len()) > VALUES {
            text.push_str(", …");
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&value);
    }
    text
}

/// Numbers in their order; what is no number stays where it is.
fn sorted(values: &[String]) -> Vec<String> {
    let mut numbers: Vec<(f64, &String)> =
        values.iter().filter_map(|value| Some((value.parse().ok()?, value))).collect();
    if numbers.len() < values.len() {
        return values.to_vec();
    }
    numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
    numbers.into_iter().map(|(_, value)| value.clone()).collect()
}

/// `1.9 % null`.
fn nulls(share: f64) -> String {
    match share * 100.0 {
        percent if percent >= 99.95 => "always null".to_owned(),
        percent if percent < 0.1 => "rarely null".to_owned(),
        percent => format!("{percent:.1} % null"),
    }
}

/// The values of a constraint that lists them: `CHECK ((kind = ANY (ARRAY['pop'::text, 'mast'::text])))`.
fn allowed(check: &str) -> Option<Vec<String>> {
    let (_, list) = check.split_once(" = ANY ((ARRAY[").or_else(|| check.split_once(" = ANY (ARRAY["))?;
    let (list, rest) = list.split_once(']')?;
    if rest.contains(" AND ") || rest.contains(" OR ") {
        return None;
    }
    list.split(", ").map(literal).collect()
}

/// The value of `'pop'::text` or `4`.
fn literal(text: &str) -> Option<String> {
    let value = text.split("::").next()?;
    match value.strip_prefix('\'') {
        Some(value) => Some(value.strip_suffix('\'')?.replace("''", "'")),
        None => value.parse::<f64>().is_ok().then(|| value.to_owned()),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/tools/lines.rs"]
mod tests;
