//! Which programs may ask for a sign-in, and where an answer may be sent.
//!
//! A `client_id` is either the address of a client metadata document, which is never fetched, or it was made by [`register`] and
//! contains what was registered. Neither needs a secret or storage, and neither proves anything: whoever writes an id can choose
//! what it says. What can be relied on is the destination. An answer goes to Claude's own callbacks, or to a program on the
//! person's own computer.
//!
//! # What this does not stop
//! A program on that computer that calls itself by another's name.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Error;
use crate::{config::is_loopback, invisible::is_invisible};

/// The most redirect URIs of one client.
const MAX_URIS: usize = 5;
/// The most bytes of a redirect URI.
const MAX_URI_BYTES: usize = 300;
/// The most bytes of a path on the person's computer, since the page shows it whole.
const MAX_PATH_BYTES: usize = 60;
/// The most characters of a client's name.
const MAX_NAME: usize = 80;
/// The prefix of a `client_id` that was made here.
const REGISTERED: &str = "registered.";
/// The redirect URIs of claude.ai and Claude Desktop.
const CLAUDE: [&str; 2] = ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"];

/// Claude Code's metadata document.
const CLAUDE_CODE: &str = "https://claude.ai/oauth/claude-code-client-metadata";

/// A program that asks for a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    /// What it calls itself, for a person to read.
    pub(super) name: String,
    redirects: Redirects,
}

/// Where a client takes its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Redirects {
    /// At these addresses.
    Listed(Vec<String>),
    /// Anywhere on this machine: its metadata document would list the addresses.
    Loopback,
}

/// What a registered `client_id` holds. Short keys, since it travels in addresses.
#[derive(Serialize, Deserialize)]
struct Registered {
    n: String,
    r: Vec<String>,
}

impl Client {
    /// The client behind an id, or `None` for an id that is of neither kind.
    pub(super) fn find(id: &str) -> Option<Client> {
        let known = |name: &str, redirects: &[&str]| Client {
            name: name.to_owned(),
            redirects: Redirects::Listed(redirects.iter().map(|uri| (*uri).to_owned()).collect()),
        };
        if id == "https://claude.ai/oauth/mcp-oauth-client-metadata" {
            return Some(known("Claude", &CLAUDE));
        }
        if id == CLAUDE_CODE {
            return Some(known("Claude Code", &["http://localhost/callback", "http://127.0.0.1/callback"]));
        }
        if let Some(host) = document_host(id) {
            return Some(Client { name: host.to_owned(), redirects: Redirects::Loopback });
        }
        let registered = BASE64URL.decode(id.strip_prefix(REGISTERED)?).ok()?;
        let Registered { n: name, r: redirects } = serde_json::from_slice(&registered).ok()?;
        check(&name, &redirects).ok()?;
        Some(Client { name, redirects: Redirects::Listed(redirects) })
    }

    /// Whether an answer may be sent to `uri`: one of the client's own, to the letter; the port of a loopback address is
    /// free (RFC 8252 section 7.3).
    pub(super) fn takes_answers_at(&self, uri: &str) -> bool {
        uri.len() <= MAX_URI_BYTES
            && match &self.redirects {
                Redirects::Loopback => loopback(uri).is_some(),
                Redirects::Listed(listed) => {
                    listed.iter().any(|own| own == uri || loopback(own).is_some_and(|own| loopback(uri) == Some(own)))
                }
            }
    }
}

/// Whether an answer that is sent there reaches Claude and nobody else.
pub(super) fn is_claude(redirect_uri: &str) -> bool {
    CLAUDE.contains(&redirect_uri)
}

/// The host of a `client_id` that is the address of a metadata document: `https`, with a path, spelled in one way only.
fn document_host(id: &str) -> Option<&str> {
    let (host, path) = id.strip_prefix("https://")?.split_once('/')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let readable = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>' | '\\' | '@');
    let straight = path.split('/').all(|segment| !matches!(segment, "." | ".."));
    let named = (4..=100).contains(&host.len()) && host.contains('.') && host.chars().all(plain);
    (named && !path.is_empty() && id.len() <= MAX_URI_BYTES && straight && path.chars().all(readable)).then_some(host)
}

/// Registers a client (RFC 7591) with those of its addresses to which an answer may be sent; returns the members of the response.
pub(super) fn register(metadata: &Map<String, Value>, now: i64) -> Result<Value, Error> {
    const NO_URIS: Error = Error::new("invalid_redirect_uri", "redirect_uris must be a list of addresses");
    let name = metadata.get("client_name").and_then(Value::as_str).unwrap_or("An unnamed program");
    let name: String = name.chars().filter(|c| !is_invisible(*c)).take(MAX_NAME).collect();
    let uris = metadata.get("redirect_uris").and_then(Value::as_array).ok_or(NO_URIS)?;
    let mut uris: Vec<String> =
        uris.iter().map(|uri| uri.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or(NO_URIS)?;
    uris.retain(|uri| may_be_registered(uri));
    check(&name, &uris)?;
    let registered = json!(Registered { n: name.clone(), r: uris.clone() }).to_string();
    Ok(json!({
        "client_id": format!("{REGISTERED}{}", BASE64URL.encode(registered)),
        "client_id_issued_at": now,
        "client_name": name,
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        // Whatever was requested: a secret that everybody gets on request protects nothing; PKCE does.
        "token_endpoint_auth_method": "none",
    }))
}

fn check(name: &str, uris: &[String]) -> Result<(), Error> {
    let (error, description) = if uris.is_empty() || !uris.iter().all(|uri| may_be_registered(uri)) {
        (
            "invalid_redirect_uri",
            "answers are sent only to Claude's callbacks and to http addresses on localhost or 127.0.0.1; redirect_uris names none",
        )
    } else if uris.len() > MAX_URIS {
        ("invalid_redirect_uri", "redirect_uris names more than 5 addresses to which an answer can be sent")
    } else if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(is_invisible) {
        ("invalid_client_metadata", "client_name must have 1 to 80 characters")
    } else {
        return Ok(());
    };
    Err(Error::new(error, description))
}

fn may_be_registered(uri: &str) -> bool {
    uri.len() <= MAX_URI_BYTES && (CLAUDE.contains(&uri) || loopback(uri).is_some())
}

/// Host and path of an `http` address on this machine, the port left out; `None` for any other. Whoever writes a link chooses
/// port and path, and what listens there may pass on what it gets: so the path has only plain segments, and there is no query.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(authority, |(host, _)| host);
    (is_loopback(authority) && path.len() <= MAX_PATH_BYTES && is_plain(path)).then_some((host, path))
}

/// Whether a path is empty, or each of its segments has only characters that mean themselves.
fn is_plain(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let segments = path.strip_prefix('/').unwrap_or(path);
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    segments.is_empty()
        || segments.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.chars().all(plain))
}

#[cfg(test)]
#[path = "../../tests/unit/oauth/client.rs"]
mod tests;
