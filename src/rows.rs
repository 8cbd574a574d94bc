//! From a statement to the text of an answer, within the row and the byte budget.
//!
//! In: an admitted statement and its columns; later its rows. Out: the statement as it is run, and a [`Page`]. PostgreSQL
//! converts every value: `row_to_json` is exact for all types, so no decoder here can be wrong. The statement is wrapped
//! in a sub-select, in which PostgreSQL takes neither a data change nor a utility statement. Knows nothing of HTTP.

use std::collections::{HashMap, HashSet};

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{
    db::{Column, Flow},
    error::{Code, Failure},
    guard::ReadOnlySql,
};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a row.
    Json,
    /// RFC 4180, with a header line; null is empty, an empty text is `""`.
    Csv,
}

/// A statement ready to be run by [`crate::db::Reading::stream`].
pub struct Wrapped {
    /// The text: yields a row's text and its length in bytes.
    pub sql: String,
    /// The characters before the analyst's text.
    pub prefix: usize,
}

/// Wraps an analyst's statement. At most `max_rows` + 1 rows come out, and no row of more than `max_bytes` is sent.
pub fn wrap(sql: &ReadOnlySql, columns: &[Column], format: Format, max_rows: u32, max_bytes: usize) -> Wrapped {
    let names: Vec<String> = unique_names(columns).iter().map(|name| quote(name)).collect();
    let spatial = columns.iter().any(|column| spatial(column).is_some());
    let converted = |(column, name): (&Column, &String)| match (format, spatial_function(column, format)) {
        (Format::Json, Some(function)) => format!("{function}(_r.{name})::json AS {name}"),
        (Format::Json, None) => format!("_r.{name}"),
        (Format::Csv, Some(function)) => format!("{function}(_r.{name})"),
        (Format::Csv, None) if column.type_name == "void" => "''::text".to_owned(),
        (Format::Csv, None) => format!("_r.{name}::text"),
    };
    let list: Vec<String> = columns.iter().zip(&names).map(converted).collect();
    let (row, inner) = match format {
        Format::Json if spatial => ("row_to_json(_s.*)".to_owned(), format!("(SELECT {} FROM (\n", list.join(", "))),
        Format::Json => ("row_to_json(_r.*)".to_owned(), "(\n".to_owned()),
        Format::Csv => (format!("array_to_json(ARRAY[{}]::text[])", list.join(", ")), "(\n".to_owned()),
    };
    // The LIMIT lets PostgreSQL stop early and keeps parallel plans.
    let before = format!("{} FROM (SELECT {row}::text AS j FROM {inner}", bounded(max_bytes));
    let alias = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
    let after = if format == Format::Json && spatial { ") AS _s" } else { "" };
    let limit = u64::from(max_rows).saturating_add(1);
    // The line break keeps a comment at the end of the analyst's text from swallowing the rest.
    let text = format!("{before}{}\n) AS _r{alias}{after} LIMIT {limit}) AS _q", sql.as_str());
    Wrapped { prefix: before.chars().count(), sql: text }
}

/// Wraps a statement of this program's own, which yields one JSON text a row in a column `j`.
pub fn wrap_own(sql: &'static str, max_bytes: usize) -> Wrapped {
    Wrapped { sql: format!("{} FROM ({sql}) AS _q", bounded(max_bytes)), prefix: 0 }
}

/// A long row is measured by PostgreSQL and stays there. What is sent in its place fills PostgreSQL's send buffer (8 KiB)
/// more than once: a short row would lie there until hundreds of others, each as long, had been made.
fn bounded(max_bytes: usize) -> String {
    format!(
        "SELECT CASE WHEN octet_length(_q.j) <= {max_bytes} THEN _q.j ELSE left(_q.j, 20000) END, octet_length(_q.j)"
    )
}

/// The schema of PostGIS, when the column is one of its shapes.
fn spatial(column: &Column) -> Option<&str> {
    matches!(column.type_name.as_str(), "geometry" | "geography").then_some(column.type_schema.as_str())
}

/// GeoJSON without the verbose CRS member, or well-known text.
fn spatial_function(column: &Column, format: Format) -> Option<String> {
    let function = match format {
        Format::Json => "st_asgeojson",
        Format::Csv => "st_astext",
    };
    spatial(column).map(|schema| format!("{}.{function}", quote(schema)))
}

/// An identifier in double quotes.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The columns' names, a repeated one with a number: JSON readers keep one of two equal keys.
pub fn unique_names(columns: &[Column]) -> Vec<String> {
    const MOST: usize = 63; // bytes of an identifier
    let given: HashSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut used: HashSet<String> = HashSet::new();
    // Where the search for a free number goes on, for names that are equal as far as a number lets them be: 1,600 equal names
    // take 1,600 steps and no more.
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.name.clone();
        let beginning = column.name.get(..floor(&column.name, MOST.saturating_sub(5))).unwrap_or_default();
        let number = numbers.entry(beginning).or_insert(1);
        while used.contains(&name) || (*number > 1 && given.contains(name.as_str())) {
            *number = number.saturating_add(1);
            let suffix = format!("_{number}");
            let end = floor(&column.name, MOST.saturating_sub(suffix.len()));
            name = format!("{}{suffix}", column.name.get(..end).unwrap_or_default());
        }
        used.insert(name.clone());
        names.push(name);
    }
    names
}

/// The end of the longest part of `text` that has at most `most` bytes and no half of a character.
fn floor(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default()
}

/// What cut an answer short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// There are more rows than were asked for.
    Rows,
    /// The next row would not fit into the bytes of one answer.
    Bytes {
        /// The length of that row.
        row: usize,
    },
    /// The names of the columns do not fit into the bytes of one answer, so no row is in it.
    Columns {
        /// How many columns there are.
        all: usize,
    },
}

/// The rows of one answer, as they come in.
pub struct Page {
    format: Format,
    /// `["cost_centre text","km numeric"]`
    column_list: String,
    max_rows: u32,
    /// The argument by which more rows can be asked for.
    more: &'static str,
    /// Bytes left for rows.
    budget: usize,
    text: String,
    count: u32,
    cut: Option<Cut>,
    is_json: bool,
}

/// What surrounds the rows at most, the column list aside.
const ENVELOPE: usize = 600;

impl Page {
    /// An empty page for at most `max_rows` rows and, envelope and column list included, `max_bytes` bytes.
    /// `more` names the argument by which more rows can be asked for.
    pub fn new(format: Format, columns: Vec<Column>, max_rows: u32, more: &'static str, max_bytes: usize) -> Page {
        let names = unique_names(&columns);
        let mut text = match format {
            Format::Json => String::new(),
            Format::Csv => csv_line(names.iter().map(|name| Some(name.as_str()))),
        };
        let space = max_bytes.saturating_sub(ENVELOPE);
        let (mut column_list, mut cut) = (column_list(&names, &columns, space), None);
        if column_list.listed < columns.len() || column_list.text.len().saturating_add(text.len()) >= space {
            // No row could be read without its columns.
            cut = Some(Cut::Columns { all: columns.len() });
            text = String::new();
            column_list = self::column_list(&names, &columns, space / 2);
        }
        let budget = space.saturating_sub(column_list.text.len());
        Page { format, column_list: column_list.text, max_rows, more, budget, text, count: 0, cut, is_json: true }
    }

    /// Takes the next row: the text made by [`wrap`], or nothing when it was too long to be sent, and its length.
    pub fn push(&mut self, row: Option<&str>, length: usize) -> Flow {
        if self.count >= self.max_rows {
            self.cut = Some(Cut::Rows);
        }
        if self.cut.is_some() {
            return Flow::Stop;
        }
        if self.format == Format::Json && !row.is_none_or(is_json) {
            self.is_json = false;
            return Flow::Stop;
        }
        let line;
        let row = match (row, self.format) {
            (Some(row), Format::Csv) => {
                line = csv_row(row);
                Some(line.as_str())
            }
            (row, _) => row,
        };
        match row.filter(|row| self.text.len().saturating_add(row.len()) < self.budget) {
            Some(row) => {
                if self.text.capacity().saturating_sub(self.text.len()) <= row.len() {
                    // By a quarter, not by doubling: several large answers may be under way.
                    self.text.reserve_exact(row.len().saturating_add(self.text.len() / 4).saturating_add(4_096));
                }
                if self.format == Format::Json && self.count > 0 {
                    self.text.push(',');
                }
                self.text.push_str(row);
                self.count = self.count.saturating_add(1);
                Flow::More
            }
            None => {
                self.cut = Some(Cut::Bytes { row: length });
                Flow::Stop
            }
        }
    }

    /// Whether every row that came in can be sent.
    ///
    /// # Errors
    /// PostgreSQL has made a row that is no JSON.
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_json {
            return Ok(());
        }
        let message = format!(
            "row {} cannot be written as JSON: it holds a shape with NaN, infinite or empty parts",
            self.count.saturating_add(1)
        );
        Err(Failure::new(Code::Sql, message).hint("write such shapes with ST_AsText(shape), or leave them out"))
    }

    /// How many rows are on it.
    pub fn row_count(&self) -> u32 {
        self.count
    }

    /// What cut it short, if anything.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// The finished text, or two for CSV: the lines, then what is known about them.
    pub fn into_texts(mut self) -> Vec<String> {
        let mut about = format!("{{\"row_count\":{},\"truncated\":{}", self.count, self.cut.is_some());
        if let Some(cut) = self.cut {
            let (by, notice) = match cut {
                Cut::Rows => {
                    let (most, more) = (self.max_rows, self.more);
                    let advice = "aggregate or filter in SQL, or ask for more with";
                    ("rows", format!("there are more than {most} rows; {advice} {more}"))
                }
                Cut::Columns { all } => {
                    let advice = "select fewer, or give them short names with AS";
                    (
                        "bytes",
                        format!(
                            "the names of its {all} columns do not fit into one answer, so not all are listed and no row is in it; {advice}"
                        ),
                    )
                }
                Cut::Bytes { row } if self.count == 0 => {
                    let advice = "select fewer columns, or shorten long values with left(col, 200)";
                    ("bytes", format!("already the first row ({row} bytes) does not fit into one answer; {advice}"))
                }
                Cut::Bytes { .. } => {
                    let advice = "select fewer columns, aggregate in SQL, or page with ORDER BY … LIMIT … OFFSET";
                    ("bytes", format!("one answer holds no more bytes; {advice}"))
                }
            };
            about.push_str(&format!(",\"truncated_by\":\"{by}\",\"notice\":{}", json_text(&notice)));
        }
        about.push_str(&format!(",\"columns\":{}", self.column_list));
        match self.format {
            Format::Json => {
                // Put in front of the rows where they are: an answer can be large, and a copy of it too.
                about.push_str(",\"rows\":[");
                self.text.insert_str(0, &about);
                self.text.push_str("]}");
                vec![self.text]
            }
            Format::Csv => {
                about.push('}');
                vec![self.text, about]
            }
        }
    }
}

/// The columns of an answer: `["cost_centre text","km numeric"]`, and how many are in it.
struct ColumnList {
    text: String,
    listed: usize,
}

/// As many of the columns as have room in `space` bytes.
fn column_list(names: &[String], columns: &[Column], space: usize) -> ColumnList {
    let mut list = ColumnList { text: "[".to_owned(), listed: 0 };
    for (name, column) in names.iter().zip(columns) {
        let item = json_text(&format!("{name} {}", column.type_name));
        if list.text.len().saturating_add(item.len()).saturating_add(2) > space {
            break;
        }
        if list.listed > 0 {
            list.text.push(',');
        }
        list.text.push_str(&item);
        list.listed = list.listed.saturating_add(1);
    }
    list.text.push(']');
    list
}

/// Whether a row that PostgreSQL wrote as JSON is JSON. PostGIS writes `NaN`, `Infinity` and nothing at all for coordinates, which
/// shows only inside arrays, records and values of type json. Rows without any of those are not looked at.
fn is_json(row: &str) -> bool {
    let suspicious = ["NaN", "nan", "Infinity", "inf", ",,", "[,", ",]"].iter().any(|part| row.contains(part));
    !suspicious || serde_json::from_str::<IgnoredAny>(row).is_ok()
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A row that PostgreSQL wrote as a JSON array of texts and nulls.
fn csv_row(row: &str) -> String {
    let fields: Vec<Option<String>> = serde_json::from_str(row).unwrap_or_default();
    csv_line(fields.iter().map(Option::as_deref))
}

fn csv_line<'a>(fields: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut line = String::new();
    for (index, field) in fields.enumerate() {
        if index > 0 {
            line.push(',');
        }
        match field {
            None => {}
            Some(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            }
            Some(text) => line.push_str(text),
        }
    }
    line.push('\n');
    line
}

/// Rows of this program's own statements, as a JSON array. `None` when they are longer than `max_bytes`.
pub struct List {
    rows: Vec<Box<RawValue>>,
    bytes: usize,
    max_bytes: usize,
    /// Whether some rows were left out.
    pub truncated: bool,
}

impl List {
    /// An empty list.
    pub fn new(max_bytes: usize) -> List {
        List { rows: Vec::new(), bytes: 0, max_bytes, truncated: false }
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Option<&str>, length: usize) -> Flow {
        self.bytes = self.bytes.saturating_add(length);
        match row.and_then(|row| RawValue::from_string(row.to_owned()).ok()) {
            Some(row) if self.bytes < self.max_bytes => {
                self.rows.push(row);
                Flow::More
            }
            _ => {
                self.truncated = true;
                Flow::Stop
            }
        }
    }

    /// The rows.
    pub fn rows(&self) -> &[Box<RawValue>] {
        &self.rows
    }
}

#[cfg(test)]
#[path = "../tests/unit/rows.rs"]
mod tests;
