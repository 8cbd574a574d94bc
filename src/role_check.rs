//! Is the database role fit for this server? Looked at at the start, by `check`, and again while the server runs.
//!
//! In: the live role. Out: findings, each with the statement that fixes it. A role that can write is refused: the grants
//! are the boundary, and everything else here only stands behind them.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    catalog,
    db::{Cancel, Database, Reading},
    error::{Code, Failure},
};

/// How long a verdict holds before the role is looked at again: grants change while servers run.
const VALID: Duration = Duration::from_secs(600);

/// What is wrong with the role.
#[derive(Debug, Clone, Deserialize)]
pub struct Finding {
    /// Whether the server refuses to run with it, or only warns.
    pub refuse: bool,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The statement that fixes it.
    pub fix: String,
}

const FINDINGS: &str = include_str!("role_check.sql");

/// Looks at the role of the session.
pub fn inspect(reading: &mut Reading<'_>, schemas: &[String]) -> Result<Vec<Finding>, Failure> {
    let schemas = serde_json::Value::from(schemas).to_string();
    let list = catalog::list(reading, FINDINGS, &[&schemas], catalog::MAX_BYTES)?;
    let findings = list.rows().iter().map(|row| serde_json::from_str(row.get()));
    findings
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Code::Unavailable, format!("the role cannot be inspected: {error}")))
}

/// The verdict on the role, kept for a while.
pub struct RoleCheck {
    schemas: Vec<String>,
    verdict: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl RoleCheck {
    /// Nothing has been looked at yet.
    pub fn new(schemas: Vec<String>) -> RoleCheck {
        RoleCheck { schemas, verdict: Mutex::new(None) }
    }

    /// Looks at the role, keeps the verdict and tells the findings. `started` is since when the caller has been waiting.
    pub fn look(&self, database: &Database, cancel: &Cancel, started: Instant) -> Result<Vec<Finding>, Failure> {
        let findings = database.read("role_check", cancel, started, |reading| inspect(reading, &self.schemas))?;
        let refused: Vec<&str> =
            findings.iter().filter(|finding| finding.refuse).map(|finding| finding.what.as_str()).collect();
        let verdict = if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), verdict));
        Ok(findings)
    }

    /// Lets a call pass only when the role is known to be fit. Looks again when the last look was long ago.
    pub fn ensure(&self, database: &Database, cancel: &Cancel, started: Instant) -> Result<(), Failure> {
        let known = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let verdict = match known {
            Some((at, verdict)) if at.elapsed() < VALID => verdict,
            _ => {
                let findings = self.look(database, cancel, started)?;
                let refused = findings.iter().find(|finding| finding.refuse);
                refused.map_or(Ok(()), |finding| Err(finding.what.clone()))
            }
        };
        verdict.map_err(|what| {
            log::error!("refusing to query: {what}; run `analytics_mcp check` for what to do");
            Failure::new(Code::Unfit, "the server's database role has rights that it must not have, so nothing is run")
                .hint("tell the operator of this server to run: analytics_mcp check")
        })
    }
}
