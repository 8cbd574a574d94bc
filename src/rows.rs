//! From the rows of a statement to the text of an answer, within the row and the byte budget.
//!
//! In: a statement's columns; later its rows, every value as PostgreSQL's own text. Out: a [`Page`] of JSON or CSV, or a
//! [`List`] of the program's own. The JSON is what PostgreSQL's `row_to_json` would have written, to the character; types for
//! which that takes more than quotes, PostgreSQL has made JSON of itself ([`crate::statement`]). Knows nothing of HTTP.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{
    answer::{Answer, Text},
    db::{Flow, Row},
    error::{Code, Failure},
    statement::{Column, Format, Kind, unique_names},
};

/// What cut an answer short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// There are more rows than the limit.
    Rows,
    /// The next row would exceed the bytes of one answer.
    Bytes {
        /// The length of that row.
        row: usize,
    },
    /// The names of the columns alone exceed the bytes of one answer, so no row is in it.
    Columns {
        /// How many columns there are.
        all: usize,
    },
}

/// The rows of one answer, as they come in.
pub struct Page {
    format: Format,
    /// For each column what stands before its value, and the kind of its values.
    fields: Vec<(Text, Kind)>,
    /// `["cost_centre text","km numeric"]`
    column_list: String,
    max_rows: u32,
    /// The name of the argument that limits the rows.
    more: &'static str,
    /// Bytes left for rows.
    budget: usize,
    text: Text,
    count: u32,
    cut: Option<Cut>,
    is_json: bool,
    /// The most characters of a value in CSV, and whether one had more.
    longest: usize,
    has_shortened: bool,
    /// There is no value in it but null and zero.
    is_blank: bool,
    note: Option<String>,
    /// Members of the answer that stand before all others, each with a comma after it.
    opening: String,
}

/// What surrounds the rows at most, the column list aside.
const ENVELOPE: usize = 600;
/// How long a number may be that any reader of JSON keeps exactly.
const DIGITS: usize = 15;

impl Page {
    /// An empty page for at most `max_rows` rows and, envelope and column list included, `max_bytes` bytes.
    /// `more` is the name of the argument that limits the rows.
    pub fn new(format: Format, columns: &[Column], max_rows: u32, more: &'static str, max_bytes: usize) -> Page {
        let names = unique_names(columns);
        let mut text = Text::default();
        if format == Format::Csv {
            for (index, name) in names.iter().enumerate() {
                text.push(if index > 0 { "," } else { "" });
                csv_field(&mut text, name);
            }
            text.push("\n");
        }
        let space = max_bytes.saturating_sub(ENVELOPE);
        let (mut column_list, mut cut) = (column_list(&names, columns, space), None);
        if column_list.listed < columns.len() || column_list.text.len().saturating_add(text.len()) >= space {
            // No row could be read without its columns.
            cut = Some(Cut::Columns { all: columns.len() });
            text = Text::default();
            column_list = self::column_list(&names, columns, space / 2);
        }
        let budget = space.saturating_sub(column_list.text.len());
        let fields = names.iter().zip(columns).enumerate().map(|(index, (name, column))| {
            let comma = if index > 0 { "," } else { "" };
            let name = if format == Format::Arrays { String::new() } else { format!("{}:", json_text(name)) };
            (Text::from(format!("{comma}{name}").as_str()), column.kind)
        });
        let (fields, column_list) = (fields.collect(), column_list.text);
        Page {
            format,
            fields,
            column_list,
            max_rows,
            more,
            budget,
            text,
            count: 0,
            cut,
            is_json: true,
            longest: usize::MAX,
            has_shortened: false,
            is_blank: true,
            note: None,
            opening: String::new(),
        }
    }

    /// The same with members of the answer that stand before all others, each with a comma after it. For JSON.
    pub fn opened(self, opening: &str) -> Page {
        Page { budget: self.budget.saturating_sub(opening.len()), opening: opening.to_owned(), ..self }
    }

    /// The same with values cut after so many characters, in CSV.
    pub fn shortened(self, longest: usize) -> Page {
        Page { longest, ..self }
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Row<'_>) -> Flow {
        if self.count >= self.max_rows {
            self.cut = Some(Cut::Rows);
        }
        if self.cut.is_some() {
            return Flow::Stop;
        }
        let values = match row {
            Row::Values(values) => values,
            Row::TooLong(row) => {
                self.cut = Some(Cut::Bytes { row });
                return Flow::Stop;
            }
        };
        // Written it is no shorter, and may be several times as long.
        let raw = values.iter().flatten().fold(0_usize, |sum, value| sum.saturating_add(value.len()));
        if self.text.len().saturating_add(raw) >= self.budget {
            self.cut = Some(Cut::Bytes { row: raw });
            return Flow::Stop;
        }
        self.is_blank = self.is_blank && values.iter().flatten().all(|value| value.trim_matches(['0', '.']).is_empty());
        self.text.make_room();
        let before = self.text.mark();
        let length = self.text.len();
        match self.format {
            Format::Json => self.json_row(values, ["{", "}"], usize::MAX),
            Format::Arrays => self.json_row(values, ["[", "]"], DIGITS),
            Format::Csv => self.csv_row(values),
        }
        if !self.is_json || self.text.len() >= self.budget {
            let row = self.text.len().saturating_sub(length);
            self.text.cut(before);
            self.cut = Some(Cut::Bytes { row }).filter(|_| self.is_json);
            return Flow::Stop;
        }
        self.count = self.count.saturating_add(1);
        Flow::More
    }

    /// Adds a row between these brackets. A number of more than so many digits is a string.
    fn json_row(&mut self, values: &[Option<&str>], [open, close]: [&str; 2], digits: usize) {
        self.text.push(if self.count > 0 { "," } else { "" });
        self.text.push(open);
        for ((before, kind), value) in self.fields.iter().zip(values) {
            self.text.append(before);
            match (kind, *value) {
                (_, None) => self.text.push("null"),
                (Kind::Number, Some(it)) if it.len() <= digits && is_json_number(it) => self.text.push(it),
                (Kind::Number | Kind::Text, Some(value)) => self.text.push_string(value),
                (Kind::Boolean, Some(value)) => self.text.push(boolean(value)),
                (Kind::Timestamp, Some(value)) => {
                    self.text.push("\"");
                    iso_8601(&mut self.text, value);
                    self.text.push("\"");
                }
                (Kind::Json | Kind::Shape | Kind::Other, Some(value)) => {
                    self.is_json &= is_json(value);
                    self.text.push(value);
                }
            }
        }
        self.text.push(close);
    }

    fn csv_row(&mut self, values: &[Option<&str>]) {
        for (index, ((_, kind), value)) in self.fields.iter().zip(values).enumerate() {
            if index > 0 {
                self.text.push(",");
            }
            let Some(value) = value else { continue };
            match kind {
                Kind::Boolean => self.text.push(boolean(value)),
                Kind::Timestamp => iso_8601(&mut self.text, value),
                _ if value.len() <= self.longest => csv_field(&mut self.text, value),
                _ => match value.char_indices().nth(self.longest).and_then(|(end, _)| value.get(..end)) {
                    Some(beginning) => {
                        self.has_shortened = true;
                        csv_field(&mut self.text, &format!("{beginning}…"));
                    }
                    None => csv_field(&mut self.text, value),
                },
            }
        }
        self.text.push("\n");
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

    /// The same with what else has to be known of it.
    pub fn noted(self, note: Option<String>) -> Page {
        Page { note, ..self }
    }

    /// Whether nothing was found: no row, or one of nulls and zeros.
    pub fn is_blank(&self) -> bool {
        self.count <= 1 && self.is_blank && self.cut.is_none()
    }

    /// The finished answer: one block of text, or two for CSV: the lines, then what is known about them.
    pub fn into_answer(self) -> Answer {
        let mut about = format!("{{{}\"row_count\":{},\"truncated\":{}", self.opening, self.count, self.cut.is_some());
        if let Some(cut) = self.cut {
            let (by, notice) = self.notice(cut);
            about.push_str(&format!(",\"truncated_by\":\"{by}\",\"notice\":{}", json_text(&notice)));
        }
        if let Some(note) = &self.note {
            about.push_str(&format!(",\"notice\":{}", json_text(note)));
        }
        if self.has_shortened {
            let most = self.longest;
            about.push_str(&format!(
                ",\"shortened\":\"values of more than {most} characters are cut: query shows them whole\""
            ));
        }
        about.push_str(&format!(",\"columns\":{}", self.column_list));
        let blocks = match self.format {
            Format::Csv => vec![vec![self.text], vec![Text::from((about + "}").as_str())]],
            _ => vec![vec![Text::from((about + ",\"rows\":[").as_str()), self.text, Text::from("]}")]],
        };
        Answer { blocks, rows: Some(self.count), truncated: self.cut.is_some(), is_error: false }
    }

    /// What cut the answer, in a word, and what to do about it.
    fn notice(&self, cut: Cut) -> (&'static str, String) {
        match cut {
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

/// Whether what PostgreSQL wrote as JSON is JSON. PostGIS writes `NaN`, `Infinity` and nothing at all for coordinates, of
/// shapes and also inside arrays, records and values of type json. What holds none of those is not looked at.
fn is_json(value: &str) -> bool {
    let suspicious = ["NaN", "nan", "Infinity", "inf", ",,", "[,", ",]"].iter().any(|part| value.contains(part));
    !suspicious || serde_json::from_str::<IgnoredAny>(value).is_ok()
}

/// PostgreSQL's `t` or `f` in words.
fn boolean(value: &str) -> &str {
    match value {
        "t" => "true",
        "f" => "false",
        other => other,
    }
}

/// Whether PostgreSQL's text of a number is one in JSON, too: all are but `NaN`, `Infinity` and `-Infinity`.
fn is_json_number(number: &str) -> bool {
    number.strip_prefix('-').unwrap_or(number).starts_with(|first: char| first.is_ascii_digit())
}

/// Adds PostgreSQL's text of a timestamp in the form that `to_json` gives it: `2026-06-17 11:00:00+03` as
/// `2026-06-17T11:00:00+03:00`; `infinity` stays.
fn iso_8601(text: &mut Text, timestamp: &str) {
    let Some((date, time)) = timestamp.split_once(' ') else { return text.push(timestamp) };
    let (time, era) = time.strip_suffix(" BC").map_or((time, ""), |time| (time, " BC"));
    // An offset of whole hours comes without minutes.
    let whole_hours =
        time.len().checked_sub(3).and_then(|at| time.get(at..)).is_some_and(|o| o.starts_with(['+', '-']));
    for part in [date, "T", time, if whole_hours { ":00" } else { "" }, era] {
        text.push(part);
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Adds a field of CSV.
fn csv_field(text: &mut Text, field: &str) {
    if field.is_empty() || field.contains(['"', ',', '\n', '\r']) {
        text.push(&format!("\"{}\"", field.replace('"', "\"\"")));
    } else {
        text.push(field);
    }
}

/// Rows of the program's own statements, each one JSON text, of together fewer bytes than `max_bytes`.
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

    /// Takes the next row: one JSON text.
    pub fn push(&mut self, row: Row<'_>) -> Flow {
        let text = match row {
            Row::Values([Some(text)]) => *text,
            _ => "",
        };
        self.bytes = self.bytes.saturating_add(text.len());
        match RawValue::from_string(text.to_owned()) {
            Ok(row) if self.bytes < self.max_bytes => {
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
