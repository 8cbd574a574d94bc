//! Pages for people: who asks for a sign-in, what went wrong, how to connect, what is recorded. Each is a template with its values
//! escaped, under headers that let it load and run nothing else.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

use crate::{config::is_loopback, http::Reply};

/// The head and the style that all pages share, and a page's own body.
macro_rules! template {
    ($body:literal) => {
        concat!(include_str!("pages/head.html"), include_str!($body))
    };
}

const SIGN_IN: &str = template!("pages/sign_in.html");
const PROBLEM: &str = template!("pages/problem.html");
const CONNECT: &str = template!("pages/connect.html");
const PRIVACY: &str = template!("pages/privacy.html");

/// The server as its pages name it.
#[derive(Debug, Clone)]
pub struct About {
    /// Its address without a slash at the end, such as `https://fleetmcp.example.com`.
    pub base: String,
    /// Whom analysts ask for a token or for help, in the operator's words.
    pub contact: Option<String>,
    /// How long the operator keeps the audit log, in the operator's words.
    pub audit_kept: Option<String>,
}

impl About {
    /// The address without its scheme: what stands in a browser's address bar.
    pub fn host(&self) -> &str {
        self.base.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whom to ask.
    fn contact(&self) -> &str {
        self.contact.as_deref().unwrap_or("the operator of this server")
    }
}

/// What a person is asked to allow.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// The program that asks: this server's own name for it if it is verified, otherwise whatever it calls itself.
    pub client: &'a str,
    /// Whether the answer can reach nobody but that program.
    pub verified: bool,
    /// The place to which the browser goes afterwards: a host, or an address on this computer.
    pub destination: &'a str,
    /// The query of the authorization request, which the form sends back.
    pub request: &'a str,
    /// What was wrong with the token that was pasted before, if one was.
    pub error: Option<&'a str>,
}

/// Why a person cannot go on, in the program's own words.
#[derive(Debug, Clone, Copy)]
pub struct Problem {
    /// The status of the response.
    pub status: u16,
    /// What to name to the operator, such as `redirect-uri`.
    pub code: &'static str,
    /// What is wrong.
    pub cause: &'static str,
    /// The way on.
    pub fix: &'static str,
}

/// The sign-in page.
pub fn sign_in(about: &About, sign_in: &SignIn<'_>) -> Reply {
    let (title, invalid) = if sign_in.error.is_some() { ("Error: Sign in", "true") } else { ("Sign in", "false") };
    let values = [
        ("title", title),
        ("client", sign_in.client),
        ("verified", flag(sign_in.verified)),
        ("destination", sign_in.destination),
        ("request", sign_in.request),
        ("error", sign_in.error.unwrap_or_default()),
        ("invalid", invalid),
    ];
    page(about, 200, SIGN_IN, &values)
}

/// The page for a person who cannot go on.
pub fn problem(about: &About, problem: &Problem) -> Reply {
    let title = match problem.status {
        400 => "This sign-in cannot continue",
        404 => "There is no such page",
        _ => "This did not work",
    };
    let Problem { status, code, cause, fix } = *problem;
    let connecting = flag(status != 404);
    let values = [("title", title), ("cause", cause), ("fix", fix), ("code", code), ("connecting", connecting)];
    page(about, status, PROBLEM, &values)
}

/// The page for a person who opens the address in a browser. `signs_in` is whether clients can sign in here.
pub fn connect(about: &About, signs_in: bool) -> Reply {
    let local = is_loopback(about.host());
    let values = [
        ("title", "Connect"),
        ("url", &format!("{}/mcp", about.base)),
        ("version", env!("CARGO_PKG_VERSION")),
        ("local", flag(local)),
        ("signs_in", flag(signs_in)),
        // claude.ai comes from outside, and only by signing in.
        ("cloud", flag(signs_in && !local)),
    ];
    page(about, 200, CONNECT, &values)
}

/// The page that says what is recorded of whom, for how long, and who reads it.
pub fn privacy(about: &About) -> Reply {
    let kept = about.audit_kept.as_deref().unwrap_or_default();
    page(about, 200, PRIVACY, &[("title", "What is recorded"), ("kept", kept)])
}

/// A value for a section that is there or not.
fn flag(yes: bool) -> &'static str {
    if yes { "yes" } else { "" }
}

/// A page, from its template and its own values; some are in every page.
fn page(about: &About, status: u16, template: &str, own: &[(&str, &str)]) -> Reply {
    let values = [own, &[("server", about.host()), ("contact", about.contact())]].concat();
    Reply::new(status, "text/html; charset=utf-8", fill(template, &values))
        .with("Content-Security-Policy", policy(template))
        // Not `no-referrer`: with that, browsers send a form with `Origin: null`.
        .with("Referrer-Policy", "same-origin")
        .with("X-Frame-Options", "DENY")
}

/// Fills a template. Each `{{name}}` becomes its value, escaped; a name without a value becomes nothing. What stands between
/// `{{?name}}` and `{{/name}}` is there only if the value is not empty, after `{{!name}}` only if it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    let mut html = String::with_capacity(template.len().saturating_add(512));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        html.push_str(before);
        let (tag, remainder) = after.split_once("}}").unwrap_or_default();
        let name = tag.trim_start_matches(['?', '!', '/']);
        let absent = match tag.get(..1) {
            Some("?") => value(name).is_empty(),
            Some("!") => !value(name).is_empty(),
            Some("/") => false,
            _ => {
                html.push_str(&escape(value(name)));
                false
            }
        };
        let end = format!("{{{{/{name}}}}}");
        rest = if absent { remainder.split_once(&end).unwrap_or_default().1 } else { remainder };
    }
    html.push_str(rest);
    html
}

/// Text for an element or for an attribute in double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Allows the template's own style and script, by their hashes, and nothing else. There is no `form-action`: browsers apply it
/// to every redirect that follows a form, and Claude Desktop's leads to an address of its own.
fn policy(template: &str) -> String {
    let hash = |tag: &str| {
        let text = template.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>"))?.0;
        Some(format!(" {tag}-src 'sha256-{}';", BASE64.encode(Sha256::digest(text.as_bytes()))))
    };
    let allowed: String = ["style", "script"].into_iter().filter_map(hash).collect();
    format!("default-src 'none';{allowed} base-uri 'none'; frame-ancestors 'none'")
}

#[cfg(test)]
#[path = "../tests/unit/page.rs"]
mod tests;
