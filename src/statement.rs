//! What the database may be asked to run: a text that has passed the guard, or one of the program's own.
//!
//! In: [`ReadOnlySql`] with its columns, or a text that was compiled in. Out: a [`Statement`], the only thing `db` runs. An
//! analyst's text is wrapped in a sub-select, in which PostgreSQL takes neither a data change nor a utility statement. Every
//! value comes as PostgreSQL's own text of it, and types for which that is not enough are converted there, so that no decoder
//! here can be wrong about a type. Knows nothing of answers.
//!
//! A text that is neither does not compile:
//!
//! ```compile_fail
//! let text = String::from("DELETE FROM tracksolid.devices");
//! analytics_mcp::statement::Statement::own(&text);
//! ```

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use postgres::types::Type;

use crate::guard::ReadOnlySql;

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a row.
    Json,
    /// One JSON array a row, for a program to draw from: numbers of more digits than a double holds in quotes, shapes in degrees.
    Arrays,
    /// RFC 4180, with a header line; null is empty, an empty text is `""`. Values as in JSON, texts without its quotes.
    Csv,
}

/// How a plan is written.
#[derive(Debug, Clone, Copy)]
pub enum PlanOptions {
    /// One JSON text, with all there is.
    Json,
    /// As PostgreSQL writes it for people.
    Lines,
}

/// How the ends of columns are looked for.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// Each has an index that begins with it.
    Indexed,
    /// In a table of few rows.
    Few,
    /// By reading all of it.
    Whole,
    /// Not before this value of the first column.
    From(&'a str),
    /// Before this value of the first column.
    Before(&'a str),
}

/// The most rows of a table that is read for its ends.
const FEW: u32 = 20_000;

/// A text that may be run.
#[derive(Debug)]
pub struct Statement {
    text: Cow<'static, str>,
    analysts: Option<Part>,
}

/// Where in a statement the analyst's text stands, in characters.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// How many stand before it.
    pub before: usize,
    /// How many it has.
    pub length: usize,
}

impl Statement {
    /// A text of the program's own. Its values travel as parameters.
    pub const fn own(text: &'static str) -> Statement {
        Statement { text: Cow::Borrowed(text), analysts: None }
    }

    /// The lowest and highest values of columns as one JSON array; no row when the look does not reach them.
    pub fn ends(schema: &str, table: &str, columns: &[&str], look: Look<'_>) -> Statement {
        let table = format!("{}.{}", quote(schema), quote(table));
        let ends = |from: &str| {
            let end = |column: &&str, end: &str| format!("(SELECT {end}({}) FROM {from})::text", quote(column));
            let both = |column| format!("{}, {}", end(column, "min"), end(column, "max"));
            columns.iter().map(both).collect::<Vec<String>>().join(", ")
        };
        let within = |operator: &str, time: &str| {
            let time_column = columns.first().map(|column| quote(column)).unwrap_or_default();
            ends(&format!("{table} WHERE {time_column} {operator} '{}'", time.replace('\'', "''")))
        };
        let (with, list) = match look {
            Look::Indexed | Look::Whole => (String::new(), ends(&table)),
            Look::From(time) => (String::new(), within(">=", time)),
            Look::Before(time) => (String::new(), within("<", time)),
            Look::Few => {
                let names: Vec<String> = columns.iter().map(|column| quote(column)).collect();
                let few = format!("SELECT {} FROM {table} LIMIT {}", names.join(", "), FEW.saturating_add(1));
                (format!("WITH few AS MATERIALIZED ({few}) "), ends("few"))
            }
        };
        let only = if with.is_empty() { String::new() } else { format!(" WHERE (SELECT count(*) FROM few) <= {FEW}") };
        Statement {
            text: Cow::Owned(format!("{with}SELECT json_build_array({list})::text AS j{only}")),
            analysts: None,
        }
    }

    /// The plan of [`Statement::ends`] over all of a view, as one JSON text.
    pub fn cost_of_ends(schema: &str, table: &str, columns: &[&str]) -> Statement {
        let Statement { text, analysts } = Statement::ends(schema, table, columns, Look::Whole);
        Statement { text: Cow::Owned(format!("EXPLAIN (FORMAT JSON) {text}")), analysts }
    }

    /// Creates a table, which the role must not be able to do.
    pub fn creation_in(schema: &str) -> Statement {
        let text = format!("CREATE TABLE {}.analytics_mcp_check ()", quote(schema));
        Statement { text: Cow::Owned(text), analysts: None }
    }

    /// Whether a table can be read at all.
    pub fn glance(schema: &str, table: &str) -> Statement {
        let text = format!("SELECT FROM {}.{} LIMIT 1", quote(schema), quote(table));
        Statement { text: Cow::Owned(text), analysts: None }
    }

    /// Whether a column can be read; if it can, no value of it comes along.
    pub fn glance_at_column(schema: &str, table: &str, column: &str) -> Statement {
        let text = format!("SELECT {} FROM {}.{} LIMIT 0", quote(column), quote(schema), quote(table));
        Statement { text: Cow::Owned(text), analysts: None }
    }

    /// What TimescaleDB knows of hypertables and continuous aggregates, by functions in its schema.
    pub fn hypertables(timescaledb_schema: &str) -> Statement {
        let text = include_str!("catalog/hypertables.sql").replace("@ext@", &quote(timescaledb_schema));
        Statement { text: Cow::Owned(text), analysts: None }
    }

    /// The version of the GEOS that PostGIS works with, by a function in the schema of PostGIS.
    pub fn geos_version(postgis_schema: &str) -> Statement {
        let text = format!("SELECT {}.postgis_geos_version()", quote(postgis_schema));
        Statement { text: Cow::Owned(text), analysts: None }
    }

    /// An analyst's query, of at most `max_rows` + 1 rows, with its columns as they are.
    pub fn query(sql: &ReadOnlySql, max_rows: u32) -> Statement {
        Statement::wrapped("*", sql, "", max_rows)
    }

    /// The same with those columns converted whose text is not what the answer needs.
    pub fn converted(sql: &ReadOnlySql, columns: &[Column], format: Format, max_rows: u32) -> Statement {
        let names: Vec<String> = unique_names(columns).iter().map(|name| quote(name)).collect();
        let values: Vec<String> =
            columns.iter().zip(&names).map(|(column, name)| column.converted(name, format)).collect();
        let alias = if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) };
        Statement::wrapped(&values.join(", "), sql, &alias, max_rows)
    }

    /// The plan of an analyst's query, which is not executed: as one JSON text, or as lines.
    pub fn plan(sql: &ReadOnlySql, max_rows: u32, options: PlanOptions) -> Statement {
        let Statement { text, analysts } = Statement::query(sql, max_rows);
        let explain = match options {
            PlanOptions::Json => "EXPLAIN (VERBOSE, FORMAT JSON) ",
            PlanOptions::Lines => "EXPLAIN ",
        };
        let analysts = analysts.map(|part| Part { before: part.before.saturating_add(explain.len()), ..part });
        Statement { text: Cow::Owned(format!("{explain}{text}")), analysts }
    }

    fn wrapped(list: &str, sql: &ReadOnlySql, alias: &str, max_rows: u32) -> Statement {
        let before = format!("SELECT {list} FROM (\n");
        // The LIMIT lets PostgreSQL stop early and keeps parallel plans. The line break keeps a comment at the end of the
        // analyst's text from swallowing the rest.
        let limit = u64::from(max_rows).saturating_add(1);
        let text = format!("{before}{}\n) AS _r{alias} LIMIT {limit}", sql.as_str());
        let analysts = Part { before: before.chars().count(), length: sql.as_str().chars().count() };
        Statement { text: Cow::Owned(text), analysts: Some(analysts) }
    }

    /// The text as it is sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The analyst's part of it; none where there is no such text.
    pub(crate) fn analysts(&self) -> Option<Part> {
        self.analysts
    }
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name as PostgreSQL reports it; need not be unique.
    pub name: String,
    /// Its type's name; arrays as `text[]`.
    pub type_name: String,
    /// The schema of the type.
    pub type_schema: String,
    /// How its values are written.
    pub kind: Kind,
}

/// How PostgreSQL's text of a value becomes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As it is, but `NaN` and its like in quotes.
    Number,
    /// `t` or `f`.
    Boolean,
    /// JSON already.
    Json,
    /// In quotes.
    Text,
    /// A date with a time, and perhaps an offset: as ISO 8601, in quotes.
    Timestamp,
    /// A shape of PostGIS.
    Shape,
    /// Any other type, which PostgreSQL itself makes JSON of.
    Other,
}

impl Kind {
    /// The kind of a type. Only those are told apart from [`Kind::Other`] whose text needs no more than quotes in JSON.
    pub fn of(kind: &Type) -> Kind {
        match *kind {
            Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => Kind::Number,
            Type::BOOL => Kind::Boolean,
            Type::JSON | Type::JSONB => Kind::Json,
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UUID | Type::BYTEA => Kind::Text,
            Type::DATE | Type::TIME | Type::TIMETZ | Type::INTERVAL => Kind::Text,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Kind::Timestamp,
            _ if matches!(kind.name(), "geometry" | "geography") => Kind::Shape,
            _ => Kind::Other,
        }
    }
}

impl Column {
    /// Whether PostgreSQL's text of a value is all that the answer needs.
    pub fn is_plain(&self) -> bool {
        !matches!(self.kind, Kind::Shape | Kind::Other)
    }

    /// The SQL for a value whose text is what the answer needs: JSON, or in CSV the same with a text without its quotes. `name` is
    /// its quoted name in the sub-select.
    fn converted(&self, name: &str, format: Format) -> String {
        let json = match self.kind {
            // To about a metre, in the coordinates that maps are drawn from.
            Kind::Shape if format == Format::Arrays => {
                let schema = quote(&self.type_schema);
                let it = format!("_r.{name}::{schema}.geometry");
                let is_in_degrees = format!("{schema}.st_srid({it}) IN (0, 4326)");
                let degrees = format!("CASE WHEN {is_in_degrees} THEN {it} ELSE {schema}.st_transform({it}, 4326) END");
                return format!("{schema}.st_asgeojson({degrees}, 5)");
            }
            // GeoJSON without the verbose CRS member.
            Kind::Shape => return format!("{}.st_asgeojson(_r.{name})", quote(&self.type_schema)),
            // There is no cast from void, and no function takes it.
            Kind::Other if self.type_name == "void" => format!("(pg_catalog.row_to_json(ROW(_r.{name})) -> 'f1')"),
            Kind::Other => format!("pg_catalog.to_json(_r.{name})"),
            _ => return format!("_r.{name}"),
        };
        match format {
            Format::Json | Format::Arrays => json,
            Format::Csv => format!("{json} OPERATOR(pg_catalog.#>>) '{{}}'"),
        }
    }
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

#[cfg(test)]
#[path = "../tests/unit/statement.rs"]
mod tests;
