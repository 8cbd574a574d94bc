//! What each tool does.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{AppState, DEFAULT_ROWS, DEFAULT_SAMPLE, Tool, arguments::Arguments, default_schema};
use crate::{
    audit, catalog,
    db::Reading,
    error::{Code, Failure},
    guard::{self, Known},
    inflight::Permit,
    rows::{self, Format, List, Page},
};

/// The longest part of a refused text that is kept in the audit line. An admitted text is kept whole.
const AUDITED_REFUSAL_CHARS: usize = 4_000;

/// A call whose arguments have been read.
pub enum Request {
    /// `list_schemas`
    ListSchemas,
    /// `list_tables`
    ListTables {
        /// One of the readable schemas.
        schema: String,
        /// A part of a name or comment; empty for all.
        search: String,
    },
    /// `describe_table`
    DescribeTable {
        /// One of the readable schemas.
        schema: String,
        /// Any text.
        table: String,
    },
    /// `list_functions`
    ListFunctions {
        /// One of the readable schemas.
        schema: String,
    },
    /// `sample_table`
    SampleTable {
        /// One of the readable schemas.
        schema: String,
        /// Any text.
        table: String,
        /// From 1 to the ceiling.
        n: u32,
    },
    /// `query`
    Query {
        /// The analyst's text, not looked at yet.
        sql: String,
        /// From 1 to the ceiling.
        max_rows: u32,
        /// How rows are written.
        format: Format,
    },
}

/// Reads the arguments and notes them.
pub fn read(
    app: &AppState,
    entry: &mut audit::Entry,
    tool: Tool,
    arguments: Map<String, Value>,
) -> Result<Request, Failure> {
    match arguments.get("sql").and_then(Value::as_str) {
        Some(sql) => entry.sql(sql, AUDITED_REFUSAL_CHARS),
        None => entry.arguments(&json!(arguments).to_string()),
    }
    let (schemas, most) = (&app.config.readable_schemas, app.config.max_rows);
    let mut arguments = Arguments::new(arguments);
    let request = match tool {
        Tool::ListSchemas => Request::ListSchemas,
        Tool::ListTables => Request::ListTables {
            schema: arguments.one_of("schema", schemas, None)?,
            search: arguments.text("search", 100, Some(""))?,
        },
        Tool::DescribeTable => Request::DescribeTable {
            schema: arguments.one_of("schema", schemas, None)?,
            table: arguments.text("table", 63, None)?,
        },
        Tool::ListFunctions => Request::ListFunctions {
            schema: arguments.one_of("schema", schemas, default_schema(schemas).map(String::as_str))?,
        },
        Tool::SampleTable => Request::SampleTable {
            schema: arguments.one_of("schema", schemas, None)?,
            table: arguments.text("table", 63, None)?,
            n: arguments.integer("n", most, DEFAULT_SAMPLE)?,
        },
        Tool::Query => Request::Query {
            sql: arguments.text("sql", usize::MAX, None)?,
            max_rows: arguments.integer("max_rows", most, DEFAULT_ROWS)?,
            format: match arguments.one_of("format", &["json".to_owned(), "csv".to_owned()], Some("json"))?.as_str() {
                "csv" => Format::Csv,
                _ => Format::Json,
            },
        },
    };
    arguments.finish()?;
    Ok(request)
}

/// Runs a call and notes its answer. Out: the texts of the answer.
pub fn call(app: &AppState, permit: &Permit, entry: &mut audit::Entry, request: Request) -> Answer {
    let known = app.role_check.ensure(&app.database, permit.cancel(), entry.began())?;
    let mut call = Call { app, permit, entry, known };
    match request {
        Request::ListSchemas => call.list_schemas(),
        Request::ListTables { schema, search } => call.list_tables(&schema, &search),
        Request::DescribeTable { schema, table } => call.describe_table(&schema, &table),
        Request::ListFunctions { schema } => call.list_functions(&schema),
        Request::SampleTable { schema, table, n } => call.sample_table(&schema, &table, n),
        Request::Query { sql, max_rows, format } => call.statement(&sql, max_rows, "max_rows", format),
    }
}

type Answer = Result<Vec<String>, Failure>;

/// A call under way.
struct Call<'a> {
    app: &'a AppState,
    permit: &'a Permit,
    entry: &'a mut audit::Entry,
    known: Arc<Known>,
}

impl Call<'_> {
    /// Reads in the analyst's name.
    fn read<T>(&self, job: impl FnMut(&mut Reading<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.app.database.read(self.entry.analyst().name(), self.permit.cancel(), self.entry.began(), job)
    }

    fn schemas(&self) -> &[String] {
        &self.app.config.readable_schemas
    }

    fn max_bytes(&self) -> usize {
        self.app.config.max_bytes
    }

    fn list_schemas(&mut self) -> Answer {
        let list = self.read(|reading| catalog::schemas(reading, self.schemas(), self.max_bytes()))?;
        self.listing(&list, "")
    }

    fn list_tables(&mut self, schema: &str, search: &str) -> Answer {
        let list = self.read(|reading| catalog::tables(reading, schema, search, self.max_bytes()))?;
        let nothing = if search.is_empty() {
            "there is nothing that can be read here"
        } else {
            "nothing here has this word in its name or comment; leave search out to see all"
        };
        self.listing(&list, nothing)
    }

    fn list_functions(&mut self, schema: &str) -> Answer {
        let list = self.read(|reading| catalog::functions(reading, schema, self.max_bytes()))?;
        self.listing(&list, "this schema has no functions that can be called")
    }

    fn describe_table(&mut self, schema: &str, table: &str) -> Answer {
        let list = self.read(|reading| {
            let list = catalog::describe(reading, schema, table, self.max_bytes())?;
            if list.rows().is_empty() && !list.truncated {
                let wanted = format!("{schema}.{table}");
                return Err(not_found(schema, table, catalog::similar_tables(reading, self.schemas(), &wanted)?));
            }
            Ok(list)
        })?;
        let Some(row) = list.rows().first() else {
            return Err(Failure::new(Code::Sql, "the description is too long for one answer")
                .hint("query information_schema.columns instead"));
        };
        self.entry.answered(None, row.get().len(), false);
        Ok(vec![row.get().to_owned()])
    }

    fn sample_table(&mut self, schema: &str, table: &str, n: u32) -> Answer {
        let sql = format!("SELECT * FROM {}.{}", rows::quote(schema), rows::quote(table));
        self.statement(&sql, n, "n", Format::Json).map_err(|failure| match failure.sqlstate.as_deref() {
            Some("42P01" | "42501") => not_found(schema, table, failure.similar),
            _ => Failure { position: None, ..failure },
        })
    }

    /// The one way of an analyst's text: guard, prepare, wrap, run, page.
    fn statement(&mut self, sql: &str, max_rows: u32, more: &'static str, format: Format) -> Answer {
        let admitted = guard::admit(sql, &self.known)?;
        self.entry.sql(sql, usize::MAX);
        let max_bytes = self.max_bytes();
        let page = self.read(|reading| {
            let columns = reading.prepare(&admitted)?;
            let wrapped = rows::wrap(&admitted, &columns, format, max_rows, max_bytes);
            let mut page = Page::new(format, columns, max_rows, more, max_bytes);
            reading.stream(&wrapped.sql, &[], wrapped.prefix, |row, length| page.push(row, length))?;
            page.check().map(|()| page)
        });
        let page = page.map_err(|mut failure| {
            failure.position = failure.position.map(|position| position.saturating_add(admitted.skipped()));
            self.with_similar_names(failure)
        })?;
        let (count, cut) = (page.row_count(), page.cut().is_some());
        let texts = page.into_texts();
        self.entry.answered(Some(count), texts.iter().map(String::len).sum(), cut);
        Ok(texts)
    }

    /// For a table that does not exist: the closest that do. PostgreSQL knows no such hint.
    fn with_similar_names(&self, mut failure: Failure) -> Failure {
        if failure.sqlstate.as_deref() == Some("42P01") {
            let wanted = failure.message.split('"').nth(1).unwrap_or_default();
            failure.similar =
                self.read(|reading| catalog::similar_tables(reading, self.schemas(), wanted)).unwrap_or_default();
            failure.hint.get_or_insert_with(|| "list_tables lists what can be read; write schema.table".to_owned());
        }
        failure
    }

    /// `{"row_count":2,"truncated":false,"rows":[…]}`, with a notice where there is nothing or something is missing.
    fn listing(&mut self, list: &List, nothing: &str) -> Answer {
        let notice = match (list.truncated, list.rows().is_empty()) {
            (true, _) => Some("the list is longer than one answer; narrow it with search"),
            (false, true) => Some(nothing),
            (false, false) => None,
        };
        let count = list.rows().len();
        let notice = notice.map(|notice| format!(",\"notice\":{}", json!(notice))).unwrap_or_default();
        let rows: Vec<&str> = list.rows().iter().map(|row| row.get()).collect();
        let text =
            format!("{{\"row_count\":{count},\"truncated\":{}{notice},\"rows\":[{}]}}", list.truncated, rows.join(","));
        self.entry.answered(u32::try_from(count).ok(), text.len(), list.truncated);
        Ok(vec![text])
    }
}

fn not_found(schema: &str, table: &str, similar: Vec<String>) -> Failure {
    let mut failure = Failure::new(Code::NotFound, format!("{schema} has no table or view {table:?} that can be read"))
        .hint("list_tables lists what can be read");
    failure.similar = similar;
    failure
}
