//! Texts that call a function in every way in which PostgreSQL lets it be called.

use super::{
    catalog::Function,
    values::{self, Taste},
};
use crate::support::random::Random;

/// One call, made of parts, so that a smaller one can be tried.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) sql: String,
    types: Vec<String>,
    /// The expressions of the arguments, for one or more calls.
    rows: Vec<Vec<String>>,
}

/// Call `round` of the function in a run with this seed.
pub(super) fn call(function: &Function, seed: u64, round: u64) -> Call {
    let name = function.signature.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut random = Random::of(name, round);
    let taste = match round % 4 {
        1 => Taste::Heavy,
        3 => Taste::Nulls,
        _ => Taste::Any,
    };
    let mut types = function.arguments.clone();
    // Zero to three in the place of the last.
    let mut spread = false;
    if function.variadic {
        let last = types.pop().unwrap_or_default();
        spread = last == "\"any\"" || random.chance(60);
        if spread {
            let element = match last.as_str() {
                "anyarray" => "anyelement",
                "anycompatiblearray" => "anycompatible",
                other => other.strip_suffix("[]").unwrap_or(other),
            };
            types.extend((0..=random.below(3)).map(|_| element.to_owned()));
        } else {
            types.push(last);
        }
    }
    let types = values::instantiate(&mut random, &types);
    let mut row =
        || types.iter().map(|name| values::value(&mut random, name, taste, &function.returns)).collect::<Vec<_>>();
    let given = [row(), row(), row()];
    let prefix = if function.variadic && !spread { "VARIADIC " } else { "" };
    let style = random.below(100);
    let sql = match function.kind.as_str() {
        "a" => aggregate(function, &given, prefix, style),
        "w" => window(function, &given, prefix, style),
        _ => ordinary(function, &given, prefix, if round == 0 { style / 2 } else { style }),
    };
    Call { sql, types, rows: given.to_vec() }
}

impl Call {
    /// Smaller calls that may do the same: fewer rows, the plainest text, then each argument made harmless.
    pub(super) fn smaller(&self, function: &Function) -> Vec<Call> {
        let with = |rows: Vec<Vec<String>>| {
            let sql = match function.kind.as_str() {
                "a" => aggregate(function, &rows, "", 0),
                "w" => window(function, &rows, "", 0),
                _ => ordinary(function, &rows, "", 0),
            };
            Call { sql, types: self.types.clone(), rows }
        };
        let mut all = Vec::new();
        if self.rows.len() > 1 {
            all.extend(self.rows.iter().map(|row| with(vec![row.clone()])));
        }
        if self.rows.len() > 2 && function.kind != "f" {
            all.extend((0..self.rows.len()).map(|without| {
                let mut rows = self.rows.clone();
                rows.remove(without);
                with(rows)
            }));
        }
        for (index, name) in self.types.iter().enumerate() {
            for row in 0..self.rows.len() {
                let mut rows = self.rows.clone();
                rows[row][index] = values::plain(name);
                if rows != self.rows {
                    all.push(with(rows));
                }
            }
        }
        all.retain(|call| call.sql.len() < self.sql.len());
        all
    }
}

/// The arguments, the last one with the word that hands an array over as it is.
fn list(arguments: &[String], prefix: &str) -> String {
    let (last, others) = match arguments.split_last() {
        Some(both) => both,
        None => return String::new(),
    };
    others.iter().map(|value| format!("{value}, ")).collect::<String>() + prefix + last
}

/// The rows as a table `t`, and its columns: values that are no constants when PostgreSQL plans.
fn table(rows: &[Vec<String>]) -> (String, Vec<String>) {
    let columns: Vec<String> = (1..=rows[0].len()).map(|number| format!("x{number}")).collect();
    let rows: Vec<String> =
        rows.iter().map(|row| format!("({})", [row.as_slice(), &["1".to_owned()]].concat().join(", "))).collect();
    let names: String = columns.iter().map(|name| format!("{name}, ")).collect();
    (format!("(VALUES {}) AS t({names}n)", rows.join(", ")), columns)
}

fn ordinary(function: &Function, rows: &[Vec<String>], prefix: &str, style: usize) -> String {
    let Function { name, operator, .. } = function;
    let constant = format!("{name}({})", list(&rows[0], prefix));
    let (table, columns) = table(rows);
    let variable = format!("{name}({})", list(&columns, prefix));
    if function.returns_set {
        let columns = if function.needs_columns { "(a int, b text)" } else { "" };
        return match style {
            0..45 => format!("SELECT * FROM {constant} AS f{columns}"),
            45..65 if !function.needs_columns => format!("SELECT {constant} AS v"),
            65..80 if !function.needs_columns => format!("SELECT {variable} AS v FROM {table}"),
            _ => format!("SELECT f.* FROM {table}, LATERAL {variable} AS f{columns}"),
        };
    }
    match (style, operator, rows[0].as_slice()) {
        (50..60, Some(operator), [a, b]) => format!("SELECT {a} {operator} {b} AS v"),
        (60..75, Some(operator), [_, b]) => {
            format!("SELECT count(*) AS n FROM {table} WHERE (x1 {operator} {b}) IS NOT NULL")
        }
        (50..75, Some(operator), [a]) => format!("SELECT {operator} {a} AS v"),
        (75..90, ..) => format!("SELECT {variable} AS v FROM {table}"),
        (90..95, ..) => format!("SELECT count(*) AS n FROM {table} WHERE {variable} IS NOT NULL"),
        (95.., ..) if !function.needs_columns => format!("SELECT * FROM {constant} AS f"),
        _ => format!("SELECT {constant} AS v"),
    }
}

fn aggregate(function: &Function, rows: &[Vec<String>], prefix: &str, style: usize) -> String {
    let name = &function.name;
    let (table, columns) = table(rows);
    if let Some(direct) = function.direct {
        let direct = direct.min(columns.len());
        let (before, within) = (&rows[0][..direct], &columns[direct..]);
        let within = if within.is_empty() { "n".to_owned() } else { within.join(", ") };
        return format!("SELECT {name}({}) WITHIN GROUP (ORDER BY {within}) AS v FROM {table}", before.join(", "));
    }
    let given = if columns.is_empty() { "*".to_owned() } else { list(&columns, prefix) };
    let (first, empty) = (columns.first().map_or("n", String::as_str), columns.is_empty());
    match style {
        60..70 if !empty => format!("SELECT {name}(DISTINCT {given}) AS v FROM {table}"),
        70..80 if !empty => format!("SELECT {name}({given} ORDER BY {first} DESC NULLS FIRST) AS v FROM {table}"),
        80..87 => format!("SELECT {name}({given}) FILTER (WHERE n > 1) AS v FROM {table}"),
        87..95 => {
            format!(
                "SELECT {name}({given}) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS v FROM {table}"
            )
        }
        95.. => format!("SELECT n, {name}({given}) AS v FROM {table} GROUP BY ROLLUP (n)"),
        _ => format!("SELECT {name}({given}) AS v FROM {table}"),
    }
}

fn window(function: &Function, rows: &[Vec<String>], prefix: &str, style: usize) -> String {
    let (table, columns) = table(rows);
    let call = format!("{}({})", function.name, list(&columns, prefix));
    let over = match style {
        0..40 => "",
        40..70 => "ORDER BY n",
        70..85 => "PARTITION BY n",
        _ => "ORDER BY n GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE TIES",
    };
    format!("SELECT {call} OVER ({over}) AS v FROM {table}")
}
