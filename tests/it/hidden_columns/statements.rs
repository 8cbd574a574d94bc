//! The statements of the two files, and what comes of one.

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
};

use postgres::{Client, Config, NoTls, SimpleQueryMessage};
use serde::Deserialize;

use super::fleet::{Kind, data};
use crate::support::cluster::Cluster;

/// A statement of `attacks.jsonl` or `legit.jsonl`, with places for names: `{table}`, `{name}` (without the schema), `{open}`,
/// `{hidden}`, `{toast}`; `{table:q}` and `{hidden:q}` inside a literal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    why: String,
    sql: String,
    /// What a role that may read everything gets from the plain table: hidden values, something that depends on them, or nothing.
    #[serde(default = "values")]
    pub(super) before: Before,
    /// Whether it still runs when the column is hidden. It shows nothing then.
    #[serde(default)]
    after: Option<Runs>,
    /// The oldest PostgreSQL that understands it.
    #[serde(default)]
    since: i64,
    /// The extension that it needs.
    #[serde(default)]
    needs: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Before {
    Shows,
    Tells,
    Refused,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Runs {
    Runs,
}

fn values() -> Before {
    Before::Shows
}

/// What this cluster understands of a file.
pub(super) fn cases(file: &str, cluster: &Cluster, timescaledb: bool) -> Vec<Case> {
    let version = cluster.count("postgres", "SELECT current_setting('server_version_num')::int8 / 10000");
    let all = data(file);
    let cases = all.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    cases.filter(|case: &Case| case.since <= version && (timescaledb || case.needs.is_none())).collect()
}

impl Case {
    /// The statement for a kind. One that names its table itself is for the plain table only.
    pub(super) fn on(&self, kind: &Kind) -> Option<String> {
        if !self.sql.contains("{table") && !self.sql.contains("{toast}") && kind.what != "table" {
            return None;
        }
        let quoted = |name: &str| name.replace('\'', "''");
        let names = [
            ("{table:q}", quoted(&kind.table)),
            ("{hidden:q}", quoted(&kind.hidden)),
            ("{table}", kind.table.clone()),
            ("{name}", kind.name.clone()),
            ("{open}", kind.open.clone()),
            ("{hidden}", kind.hidden.clone()),
            ("{toast}", kind.toast.clone()),
        ];
        Some(names.iter().fold(self.sql.clone(), |sql, (place, name)| sql.replace(place, name)))
    }

    pub(super) fn may_run(&self) -> bool {
        self.after.is_some()
    }

    pub(super) fn why(&self) -> &str {
        &self.why
    }
}

/// How a statement ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// `ran`, or the SQLSTATE.
    pub(super) state: String,
    /// Rows, notices and the whole of the error.
    pub(super) said: String,
}

impl Outcome {
    pub(super) fn ran(&self) -> bool {
        self.state == "ran"
    }

    /// The statement makes no sense there, whoever runs it: syntax, names and types, or the kind of the object.
    pub(super) fn is_senseless(&self) -> bool {
        self.state != "42501" && ["42", "0A", "55"].iter().any(|class| self.state.starts_with(class))
    }

    /// An error of TimescaleDB's own, for what it cannot do with its compressed tables, or a senseless statement. It is about no value.
    pub(super) fn is_unable(&self) -> bool {
        self.is_senseless() || self.state == "XX000"
    }
}

/// A session that keeps what PostgreSQL says besides its answers.
pub(super) struct Session {
    client: Client,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Session {
    /// A session without anything that this project adds.
    pub(super) fn open(cluster: &Cluster, role: &str, database: &str) -> Session {
        let notices = Arc::<Mutex<Vec<String>>>::default();
        let said = Arc::clone(&notices);
        let mut config: Config = cluster.dsn(role, database).parse().unwrap();
        config.notice_callback(move |notice| said.lock().unwrap().push(format!("{notice:?}")));
        let mut client = config.connect(NoTls).unwrap();
        // The role may take its seat belts off itself.
        client.batch_execute("SET default_transaction_read_only = off; SET statement_timeout = '20s'").unwrap();
        Session { client, notices }
    }

    /// Runs a text in a transaction that is rolled back.
    pub(super) fn run(&mut self, sql: &str) -> Outcome {
        self.client.batch_execute("BEGIN").unwrap();
        let result = self.answer(sql);
        self.client.batch_execute("ROLLBACK; DEALLOCATE ALL").unwrap();
        let mut said = std::mem::take(&mut *self.notices.lock().unwrap()).join("\n");
        let state = match result {
            Ok(rows) => {
                said.push_str(&rows);
                "ran".to_owned()
            }
            Err(error) => {
                said.push_str(&format!("{error:?}"));
                error.code().map_or_else(|| format!("{error}"), |code| code.code().to_owned())
            }
        };
        Outcome { state, said }
    }

    fn answer(&mut self, sql: &str) -> Result<String, postgres::Error> {
        if sql.starts_with("COPY") && sql.contains("STDOUT") {
            let mut text = String::new();
            self.client.copy_out(sql)?.read_to_string(&mut text).unwrap();
            return Ok(text);
        }
        let mut text = String::new();
        for message in self.client.simple_query(sql)? {
            if let SimpleQueryMessage::Row(row) = message {
                let values: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("(null)")).collect();
                text.push_str(&values.join("|"));
                text.push('\n');
            }
        }
        Ok(text)
    }
}
