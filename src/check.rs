//! `analytics_mcp check`: looks at the settings, the role and the definitions, tries what the role must not do, and says all that it
//! finds, for people or as one JSON object.

use std::{sync::Arc, time::Instant};

use analytics_mcp::{
    REVISION, VERSION,
    auth::Tokens,
    config::{Config, ConfigError, DatabaseUrl},
    db::Database,
    definitions::{self, Checked},
    error::Failure,
    role_check::{Finding, Look, Point, attempt},
};
use serde_json::{Value, json};

use super::{EXIT_CONFIG, Prepared, Refusal, prepare, print};

/// Checks everything, and reports everything that is found.
pub(super) fn check(json: bool) -> Result<(), Refusal> {
    let (database, outcome) = match prepare() {
        Ok(prepared) => (Some(prepared.config.database.clone()), inspect(prepared)),
        Err(refusal) => (None, Err(refusal)),
    };
    if json {
        print(&verdict(database.as_ref(), &outcome).to_string())?;
    }
    let Inspected { config, tokens, look, definitions, points } = outcome?;
    report(&tokens)?;
    for (point, wrong) in points.iter().filter_map(|point| Some((point.point, point.wrong.as_ref()?))) {
        log::warn!("{point}: expected {}, saw {}. Fix: {}", wrong.expected, wrong.saw, wrong.fix);
    }
    for broken in definitions.iter().flat_map(|definitions| &definitions.broken) {
        log::warn!("this definition no longer works: {broken}");
    }
    report(&look.findings)?;
    if !json {
        let geos = geos(&look).map(|note| format!("\n{note}")).unwrap_or_default();
        let definitions = definitions.map(|found| {
            format!("\ndefinitions: {} in analytics_meta, {} of them broken", found.checked, found.broken.len())
        });
        let definitions = definitions.unwrap_or_default();
        let listed = config.hidden_columns_file.as_ref();
        let hidden = listed.map(|_| format!("\nhidden columns: {}", look.hidden.0.len())).unwrap_or_default();
        let tokens = if tokens.is_empty() { String::new() } else { format!("; warnings: {}", tokens.len()) };
        print(&format!(
            "settings: usable{tokens}\nrole: suitable; warnings: {}{geos}{hidden}{definitions}\n{}",
            look.findings.len(),
            sign_in(&config)
        ))?;
    }
    Ok(())
}

/// What `check` has found.
struct Inspected {
    config: Config,
    /// Warnings of tokens.
    tokens: Vec<Finding>,
    look: Arc<Look>,
    /// None where there is no catalogue of meaning.
    definitions: Option<Checked>,
    /// How attempts as the role ended.
    points: Vec<Point>,
}

/// A warning for each analyst whose token does not look random.
pub(super) fn made_up(tokens: &Tokens) -> Vec<Finding> {
    let finding = |name: &str| {
        Finding {
        refuse: false,
        what: format!("the token of {name} looks as if a person had made it up"),
        fix: "replace it by the output of: openssl rand -hex 24 (whoever finds an old sign-in code or access token can try \
              guesses offline)"
            .to_owned(),
    }
    };
    tokens.made_up().into_iter().map(finding).collect()
}

/// What is wrong with the tokens, the role and the definitions, or why that cannot be known.
fn inspect(prepared: Prepared) -> Result<Inspected, Refusal> {
    let Prepared { config, tokens, database, role_check, .. } = prepared;
    let tokens = made_up(&tokens);
    let failed = |failure: Failure| refused_login(&database, &failure);
    let look = role_check.look(&database, &Arc::default(), Instant::now()).map_err(failed)?;
    let hidden = config.hidden_columns_file.as_ref().map(|_| &look.hidden);
    let points = attempt(&database, &config.readable_schemas, hidden).map_err(failed)?;
    // A role that must not be used runs nothing of what somebody else wrote.
    let definitions = if refused(&look.findings) {
        None
    } else {
        definitions::check(&database, &look.known).unwrap_or_else(|failure| {
            log::warn!("analytics_meta cannot be read: {}", failure.message);
            None
        })
    };
    Ok(Inspected { config, tokens, look, definitions, points })
}

/// Whether people can sign in, and where.
pub(super) fn sign_in(config: &Config) -> String {
    match &config.public_url {
        Some(url) => format!("sign-in: at {url}"),
        None => "sign-in: off, so claude.ai and Claude Desktop cannot connect; MCP_PUBLIC_URL turns it on".to_owned(),
    }
}

/// What an old GEOS costs.
fn geos(look: &Look) -> Option<String> {
    look.known.fragile_geos().map(|version| {
        format!(
            "GEOS {version} is older than 3.13.1: ST_Buffer takes only a plain number as its radius, since a computed or extreme one \
             can bring PostgreSQL down"
        )
    })
}

/// The object that `check --json` prints.
fn verdict(database: Option<&DatabaseUrl>, outcome: &Result<Inspected, Refusal>) -> Value {
    match outcome {
        Ok(Inspected { config, tokens, look, definitions, points }) => {
            let findings: Vec<&Finding> = look.findings.iter().chain(tokens).collect();
            let mut verdict = json!({
                "suitable": !refused(&look.findings),
                "version": VERSION,
                "revision": REVISION,
                "sign_in": config.public_url,
                "database": database,
                "findings": findings,
                "points": points,
            });
            if let Some(verdict) = verdict.as_object_mut() {
                verdict.extend(geos(look).map(|note| ("geos".to_owned(), note.into())));
                verdict.extend(definitions.as_ref().map(|found| ("definitions".to_owned(), json!(found))));
            }
            verdict
        }
        Err(refusal) => json!({ "suitable": false, "database": database, "error": refusal.message }),
    }
}

/// Why the role could not be checked.
pub(super) fn refused_login(database: &Database, failure: &Failure) -> Refusal {
    match database.login_refused() {
        Some(reason) => {
            ConfigError::new("DATABASE_URL", format!("{reason}; correct the role, its password or the database")).into()
        }
        None => Refusal { code: 1, message: format!("the database role cannot be inspected: {}", failure.message) },
    }
}

/// Logs findings.
pub(super) fn warn(findings: &[Finding]) {
    for finding in findings {
        let level = if finding.refuse { log::Level::Error } else { log::Level::Warn };
        log::log!(level, "{}. Fix: {}", finding.what, finding.fix);
    }
}

/// Logs findings; the error if one of them forbids the start.
pub(super) fn report(findings: &[Finding]) -> Result<(), Refusal> {
    warn(findings);
    if !refused(findings) {
        return Ok(());
    }
    let message = "with this role the server is not started: fix it as described above; what the role may do comes from scripts/analytics_ro_role.sql";
    Err(Refusal { code: EXIT_CONFIG, message: message.to_owned() })
}

/// Whether one of the findings forbids the start.
fn refused(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.refuse)
}
