//! The columns that no analyst is to read, as the operator lists them in a file (`MCP_HIDDEN_COLUMNS_FILE`).
//!
//! In: the file. Out: [`Rules`], from which the role check finds the [`HiddenColumns`] of the database. What hides them are the
//! privileges of the role; this only says which they are, so that the server refuses a role that can read one, and explains the rest.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    config::{ConfigError, read_file},
    invisible::{clean, is_invisible},
};

const SETTING: &str = "MCP_HIDDEN_COLUMNS_FILE";
const MOST_RULES: usize = 1_000;
/// The most characters of a reason, and of a wrong line in a message.
const REASON: usize = 300;
const SHOWN: usize = 80;
/// scripts/hide_columns.sql reads the same lines; a test compares what both make of them. `B` is what both count as a blank, `N` a part of the name.
const LINE: &str = r"^B(N)\.(N)\.(N)B(?:=B(last [1-9]|year|hash)B)?(?:#B(.*?))?B$";
const BLANK: &str = r"[ \t\r\x0b\x0c]*";
const NAME: &str = r#""(?:[^"]|"")+"|[^ \t\r\n\x0b\x0c."\#=]+"#;
const FORM: &str = "write schema.table.column, such as tracksolid.devices.driver_phone # personal: ask the fleet office; * stands for any \
                    characters, other names than of letters, digits and _ may need double quotes, and = last 4, = year or = hash after the \
                    column shows a part of it";

/// What the file says, as JSON for `role_check/hidden_columns.sql`.
#[derive(Debug)]
pub struct Rules(String);

impl Rules {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or a line of it is wrong: which one, and what to write.
    pub fn load(path: &str) -> Result<Rules, ConfigError> {
        let text = read_file(path).map_err(|error| {
            ConfigError::new(SETTING, format!("cannot read {path}: {error}; correct the path or its permissions"))
        })?;
        Rules::parse(&text).map_err(|problem| ConfigError::new(SETTING, format!("{path}, {problem}")))
    }

    fn parse(text: &str) -> Result<Rules, String> {
        let line_form = Regex::new(&LINE.replace('N', NAME).replace('B', BLANK)).map_err(|error| error.to_string())?;
        let mut rules = Vec::new();
        // Some editors begin a file with a byte order mark.
        for (number, line) in (1_usize..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let ascii = line.trim_ascii();
            if ascii.is_empty() || ascii.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| {
                let shown: String = line.chars().take(SHOWN).collect();
                format!("line {number}: {shown:?} {what}; {FORM}")
            };
            let found = line_form.captures(line).ok_or_else(|| wrong("does not name a column"))?;
            let part = |group: usize| found.get(group).map(|part| part.as_str());
            let names = [1, 2, 3].map(|group| part(group).unwrap_or_default());
            // PostgreSQL would look for a name with that in it, and hide nothing.
            if names.concat().contains(|c: char| is_invisible(c) || c.is_whitespace() && c != ' ') {
                return Err(wrong("has an invisible character in a name"));
            }
            if rules.len() >= MOST_RULES {
                return Err(format!(
                    "line {number}: there are more than {MOST_RULES} rules; let * stand for several columns"
                ));
            }
            let [schema, table, column] = names.map(pattern);
            let (show, reason) = (part(4), part(5).and_then(reason));
            rules.push(json!({
                "line": number, "text": names.join("."), "schema": schema, "table": table, "column": column, "show": show, "reason": reason,
            }));
        }
        Ok(Rules(Value::from(rules).to_string()))
    }

    /// A JSON array of `{"line":3,"text":"*.*.phone","schema":"%","table":"%","column":"phone","show":null,"reason":"…"}`: patterns of
    /// LIKE.
    pub fn json(&self) -> &str {
        &self.0
    }
}

/// A part of a name as a pattern of LIKE. In quotes a `*` is itself.
fn pattern(part: &str) -> String {
    let quoted = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
    let name = quoted.map_or_else(|| part.to_owned(), |name| name.replace("\"\"", "\""));
    let name = name.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    if quoted.is_some() { name } else { name.replace('*', "%") }
}

/// A reason as people and models see it, in one line; none if it says nothing.
fn reason(written: &str) -> Option<String> {
    let words: Vec<String> = clean(written).split_whitespace().map(str::to_owned).collect();
    let reason: String = words.join(" ").chars().take(REASON).collect();
    (!reason.is_empty()).then_some(reason)
}

/// A listed column that the role cannot read.
#[derive(Debug, Clone, Deserialize)]
pub struct HiddenColumn {
    /// Its names, as the catalog has them.
    pub schema: String,
    /// The table or view.
    pub table: String,
    /// The column.
    pub column: String,
    reason: Option<String>,
    /// The column of a view that shows a part of it.
    instead: Option<String>,
}

impl HiddenColumn {
    /// `hidden. personal: ask the fleet office. Instead: masked.tracksolid_devices.driver_phone_last_4.`
    pub fn text(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| {
            let end = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
            format!(" {reason}{end}")
        });
        let instead = self.instead.as_ref().map(|instead| format!(" Instead: {instead}."));
        format!("hidden.{}{}", reason.unwrap_or_default(), instead.unwrap_or_default())
    }
}

/// All of them in the database.
#[derive(Debug, Default)]
pub struct HiddenColumns(pub Vec<HiddenColumn>);

impl HiddenColumns {
    /// Those of a table.
    pub fn of<'a>(&'a self, schema: &'a str, table: &'a str) -> impl Iterator<Item = &'a HiddenColumn> {
        self.0.iter().filter(move |hidden| hidden.schema == schema && hidden.table == table)
    }
}

#[cfg(test)]
#[path = "../tests/unit/hidden_columns.rs"]
mod tests;
