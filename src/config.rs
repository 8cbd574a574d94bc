//! Every setting, once: its name, default and meaning, and the check of its value.
//!
//! In: the environment, given as pairs. Out: a [`Config`] in which every value is usable, or a [`ConfigError`] that names
//! the setting and the fix. Nothing else in the program reads the environment, and this imports nothing of the program.

mod database_url;
mod origin;
mod secret;

use std::{collections::HashMap, fmt, net::SocketAddr, str::FromStr, time::Duration};

pub use database_url::DatabaseUrl;
pub(crate) use origin::{canonical as canonical_origin, is_loopback};
pub use secret::SecretSource;
pub(crate) use secret::read_file;

/// The schema in which scripts/hide_columns.sql shows parts of hidden columns: readable wherever a list is set.
pub(crate) const MASKED: &str = "masked";

/// One setting: what an operator can write and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name of the environment variable.
    pub name: &'static str,
    /// The value if it is not set; `None` if there is no default.
    pub default: Option<&'static str>,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// All settings, in the order of docs/configuration.md.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    Setting { name: "DATABASE_URL", default: None, meaning: "how to reach PostgreSQL as analytics_ro: postgresql://analytics_ro:password@host:5432/tracksolid_db" },
    Setting { name: "DATABASE_URL_FILE", default: None, meaning: "a file that contains the URL, instead of DATABASE_URL" },
    Setting { name: "MCP_AUTH_TOKENS", default: None, meaning: "the analysts and their personal tokens: alice:token,bob:token" },
    Setting { name: "MCP_AUTH_TOKENS_FILE", default: None, meaning: "a file that contains them, separated by commas or lines, instead of MCP_AUTH_TOKENS; read again on SIGHUP" },
    Setting { name: "MCP_LISTEN", default: Some("0.0.0.0:8892"), meaning: "the address and port to listen on" },
    Setting { name: "MCP_READABLE_SCHEMAS", default: Some("reporting,tracksolid,tickets,fuel"), meaning: "the schemas that the introspection tools show; what query can read is decided by the role's grants" },
    Setting { name: "MCP_HIDDEN_COLUMNS_FILE", default: None, meaning: "a file that lists the columns which no analyst is to read; the server runs only while the role cannot" },
    Setting { name: "MCP_MAX_ROWS", default: Some("10000"), meaning: "the most rows that one call may request" },
    Setting { name: "MCP_MAX_BYTES", default: Some("131072"), meaning: "the most bytes of text in one answer" },
    Setting { name: "MCP_POOL_MAX", default: Some("8"), meaning: "the most database connections" },
    Setting { name: "MCP_STATEMENT_TIMEOUT", default: Some("30s"), meaning: "how long one statement may run, at most 55s" },
    Setting { name: "MCP_MAX_CONNECTIONS", default: Some("256"), meaning: "the most client connections" },
    Setting { name: "MCP_MAX_PER_ANALYST", default: Some("4"), meaning: "the most queries at once for one analyst" },
    Setting { name: "MCP_PUBLIC_URL", default: None, meaning: "the address at which clients reach the server, such as https://fleetmcp.example.com; enables the sign-in for claude.ai and Claude Desktop" },
    Setting { name: "MCP_CONTACT", default: None, meaning: "whom analysts ask for a token or for help, as the pages for people name them: a name, an address, a channel" },
    Setting { name: "MCP_AUDIT_KEPT", default: None, meaning: "how long the audit log is kept, as the page /privacy says it, such as 90 days" },
    Setting { name: "MCP_AUDIT_SQL_CHARS", default: Some("2000"), meaning: "the longest statement that a line of the audit log holds; a longer one is clipped, and its hash and length added" },
    Setting { name: "MCP_METRICS_TOKEN", default: None, meaning: "the token for /metrics: if it is set, no other opens it; otherwise any analyst's does" },
    Setting { name: "MCP_METRICS_TOKEN_FILE", default: None, meaning: "a file that contains it, instead of MCP_METRICS_TOKEN" },
    Setting { name: "MCP_PROTOCOL_MODERN", default: Some("on"), meaning: "off disables protocol version 2026-07-28, so that clients use initialize" },
    Setting { name: "MCP_VIEW", default: Some("on"), meaning: "off removes the tool that shows a result as table, chart or map, and its view" },
    Setting { name: "MCP_ALLOWED_ORIGINS", default: None, meaning: "browser origins that may call, comma separated, for example https://inspector.example.com" },
];

/// The checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to connect.
    pub database: DatabaseUrl,
    /// Where that comes from; a file can hold another password later.
    pub database_source: SecretSource,
    /// Where the tokens come from.
    pub token_source: SecretSource,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The schemas that the introspection tools show, in the order given.
    pub readable_schemas: Vec<String>,
    /// The file that lists the columns which the role must not read.
    pub hidden_columns_file: Option<String>,
    /// The most rows of one call.
    pub max_rows: u32,
    /// The most bytes of text in one answer.
    pub max_bytes: usize,
    /// The most database connections.
    pub pool_max: u32,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// The most client connections.
    pub max_connections: usize,
    /// The most queries at once for one analyst.
    pub max_per_analyst: usize,
    /// The public address without a slash at its end; without one, there is no sign-in.
    pub public_url: Option<String>,
    /// Whom analysts ask for a token or for help.
    pub contact: Option<String>,
    /// How long the audit log is kept.
    pub audit_kept: Option<String>,
    /// The longest statement that a line of the audit log holds, in characters.
    pub audit_sql_chars: usize,
    /// Where the token for `/metrics` comes from; without one, any analyst's opens it.
    pub metrics_token_source: Option<SecretSource>,
    /// Whether protocol version 2026-07-28 is supported.
    pub protocol_modern: bool,
    /// Whether results can be shown in a view of their own.
    pub view: bool,
    /// Browser origins that may call, such as `https://inspector.example.com`.
    pub allowed_origins: Vec<String>,
}

/// An unusable setting: which one, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The name of the setting.
    pub setting: String,
    /// What is wrong, and the fix. Never contains a secret.
    pub problem: String,
}

impl ConfigError {
    /// An unusable setting.
    pub fn new(setting: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError { setting: setting.to_owned(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

/// The process environment. Nothing else reads it.
fn environment() -> impl Iterator<Item = (String, String)> {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
    let pairs = std::env::vars_os();
    pairs.filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// The address to listen on, whatever the other settings are: by it a running server can be looked at while its files are changed.
pub fn listen_address() -> Result<SocketAddr, ConfigError> {
    let given = environment().filter(|(name, value)| name == "MCP_LISTEN" && !value.trim().is_empty());
    Given(given.collect()).listen()
}

impl Config {
    /// Reads the process environment.
    pub fn from_env() -> Result<Config, ConfigError> {
        Config::from_pairs(environment())
    }

    /// Checks settings given as names and values. A name that is not a setting is ignored, unless it begins with `MCP_`: a
    /// mistyped setting must not silently have no effect.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let mut given = HashMap::new();
        for (name, value) in pairs {
            if SETTINGS.iter().any(|setting| setting.name == name) {
                // Docker and Compose pass a variable that is not set as a blank value.
                if !value.trim().is_empty() {
                    given.insert(name, value);
                }
            } else if name.starts_with("MCP_") {
                return Err(ConfigError::new(&name, unknown_setting(&name)));
            }
        }
        let given = Given(given);
        let database_source = given.secret("DATABASE_URL", database_url::EXAMPLE)?;
        Ok(Config {
            database: database_source.database_url()?,
            database_source,
            token_source: given.secret("MCP_AUTH_TOKENS", "alice:<token>,bob:<token>")?,
            listen: given.listen()?,
            readable_schemas: given.schemas()?,
            hidden_columns_file: given.text("MCP_HIDDEN_COLUMNS_FILE").map(str::to_owned),
            max_rows: given.number("MCP_MAX_ROWS", 1, 1_000_000)?,
            max_bytes: given.number("MCP_MAX_BYTES", 4_096, 64 << 20)?,
            pool_max: given.number("MCP_POOL_MAX", 1, 100)?,
            statement_timeout: given.timeout()?,
            max_connections: given.number("MCP_MAX_CONNECTIONS", 4, 10_000)?,
            max_per_analyst: given.number("MCP_MAX_PER_ANALYST", 1, 100)?,
            public_url: given.public_url()?,
            contact: given.words("MCP_CONTACT")?,
            audit_kept: given.words("MCP_AUDIT_KEPT")?,
            audit_sql_chars: given.number("MCP_AUDIT_SQL_CHARS", 0, 100_000)?,
            metrics_token_source: given.metrics_token_source()?,
            protocol_modern: given.switch("MCP_PROTOCOL_MODERN")?,
            view: given.switch("MCP_VIEW")?,
            allowed_origins: given.origins()?,
        })
    }
}

/// What the operator wrote, before any check.
struct Given(HashMap<String, String>);

impl Given {
    /// The value of a setting, or its default.
    fn text(&self, name: &str) -> Option<&str> {
        let default = || SETTINGS.iter().find(|setting| setting.name == name)?.default;
        self.0.get(name).map(String::as_str).or_else(default).map(str::trim)
    }

    fn parsed<T: FromStr>(&self, name: &str, wanted: &str) -> Result<T, ConfigError> {
        let text = self.text(name).unwrap_or_default();
        text.parse().map_err(|_| unusable(name, text, wanted))
    }

    fn number<T>(&self, name: &str, least: T, most: T) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let wanted = format!("a whole number from {least} to {most}");
        let value: T = self.parsed(name, &wanted)?;
        if value < least || value > most {
            return Err(unusable(name, &value.to_string(), &wanted));
        }
        Ok(value)
    }

    /// A value that is given in a variable or in a file: in exactly one of the two.
    fn secret(&self, name: &str, example: &str) -> Result<SecretSource, ConfigError> {
        let file_name = format!("{name}_FILE");
        let (setting, value) = match (self.text(name), self.text(&file_name)) {
            (Some(value), None) => (name, value),
            (None, Some(path)) => (file_name.as_str(), path),
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(name, format!("{file_name} is set too; keep one of them")));
            }
            (None, None) => {
                let problem =
                    format!("it is not set; set it to {example}, or set {file_name} to a file that contains it");
                return Err(ConfigError::new(name, problem));
            }
        };
        Ok(SecretSource { setting: setting.to_owned(), value: value.to_owned(), is_file: setting == file_name })
    }

    fn listen(&self) -> Result<SocketAddr, ConfigError> {
        self.parsed("MCP_LISTEN", "an address and port such as 0.0.0.0:8892 or [::]:8892")
    }

    fn metrics_token_source(&self) -> Result<Option<SecretSource>, ConfigError> {
        const NAME: &str = "MCP_METRICS_TOKEN";
        let given = self.text(NAME).or_else(|| self.text("MCP_METRICS_TOKEN_FILE"));
        given.map(|_| self.secret(NAME, "the output of: openssl rand -hex 24")).transpose()
    }

    fn schemas(&self) -> Result<Vec<String>, ConfigError> {
        const NAME: &str = "MCP_READABLE_SCHEMAS";
        let mut schemas: Vec<String> = Vec::new();
        let masked = self.text("MCP_HIDDEN_COLUMNS_FILE").map(|_| MASKED);
        for schema in list(self.text(NAME)).chain(masked) {
            let system = schema == "information_schema" || schema.starts_with("pg_");
            if schema.len() > 63 || schema.chars().any(char::is_control) || system {
                return Err(unusable(NAME, schema, "the name of a schema with data"));
            }
            if !schemas.iter().any(|known| known == schema) {
                schemas.push(schema.to_owned());
            }
        }
        if schemas.is_empty() {
            return Err(ConfigError::new(NAME, "it names no schema; list at least one, or leave it unset"));
        }
        Ok(schemas)
    }

    fn timeout(&self) -> Result<Duration, ConfigError> {
        const NAME: &str = "MCP_STATEMENT_TIMEOUT";
        let text = self.text(NAME).unwrap_or_default();
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let millis = digits.parse::<u64>().ok().and_then(|number| match unit {
            "ms" => Some(number),
            "s" | "" => number.checked_mul(1_000),
            _ => None,
        });
        match millis {
            Some(millis @ 100..=55_000) => Ok(Duration::from_millis(millis)),
            _ => Err(unusable(NAME, text, "a time from 100ms to 55s, such as 30s (clients give up after 60 s)")),
        }
    }

    /// A few words for people to read. What Rust's `Debug` would escape is not seen as it stands: marks of direction, characters
    /// without a width, control characters.
    fn words(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let plain = text.replace(['"', '\'', '\\'], "");
        if text.chars().count() > 100 || plain.escape_debug().ne(plain.chars()) {
            return Err(unusable(name, text, "a text of at most 100 visible characters in one line"));
        }
        Ok(Some(text.to_owned()))
    }

    fn switch(&self, name: &str) -> Result<bool, ConfigError> {
        match self.text(name) {
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            text => Err(ConfigError::new(name, format!("{:?} is neither on nor off", text.unwrap_or_default()))),
        }
    }

    /// An origin. Tokens are sent there, so it must be `https`, except for a server on the analyst's own machine.
    fn public_url(&self) -> Result<Option<String>, ConfigError> {
        const NAME: &str = "MCP_PUBLIC_URL";
        const WANTED: &str = "an address such as https://fleetmcp.example.com (no path; http only for localhost)";
        let Some(text) = self.text(NAME) else { return Ok(None) };
        let url = text.strip_suffix('/').unwrap_or(text);
        // No certificate is issued for a name with `_`.
        let usable = |url: &str| !url.contains('_') && url.strip_prefix("http://").is_none_or(is_loopback);
        spelled(NAME, url, url, WANTED, usable).map(Some)
    }

    fn origins(&self) -> Result<Vec<String>, ConfigError> {
        const NAME: &str = "MCP_ALLOWED_ORIGINS";
        const WANTED: &str = "an origin such as https://inspector.example.com (no path, no wildcard)";
        // Capitals do no harm here: origins are compared in lower case.
        list(self.text(NAME)).map(|text| spelled(NAME, text, &text.to_ascii_lowercase(), WANTED, |_| true)).collect()
    }
}

/// `origin`, if it is usable and in the spelling that browsers send: any other would never equal an `Origin` header.
fn spelled(
    name: &str,
    text: &str,
    origin: &str,
    wanted: &str,
    usable: impl Fn(&str) -> bool,
) -> Result<String, ConfigError> {
    match origin::canonical(origin) {
        Ok(canonical) if !usable(&canonical) => Err(unusable(name, text, wanted)),
        Ok(canonical) if canonical == origin => Ok(canonical),
        Ok(canonical) => {
            let problem = format!("{text:?} is not how browsers write it: write it as {canonical}");
            Err(ConfigError::new(name, problem))
        }
        // What may be a password is not repeated.
        Err(wrong) if origin.contains('@') => Err(ConfigError::new(name, format!("it is not {wanted}: {wrong}"))),
        Err(wrong) => Err(unusable(name, text, &format!("{wanted}: {wrong}"))),
    }
}

fn unusable(name: &str, text: &str, wanted: &str) -> ConfigError {
    ConfigError::new(name, format!("{text:?} is not {wanted}; correct it or leave it unset"))
}

fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn unknown_setting(name: &str) -> String {
    let nearest = SETTINGS.iter().map(|setting| (strsim::levenshtein(setting.name, name), setting.name)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 4 => format!("there is no such setting; did you mean {nearest}?"),
        _ => "there is no such setting; remove it, or see --help for all of them".to_owned(),
    }
}

#[cfg(test)]
#[path = "../tests/unit/config.rs"]
mod tests;
