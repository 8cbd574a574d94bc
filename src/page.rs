//! Pages for people: a template with its values filled in, under headers that let it load and run nothing but itself.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

use crate::http::Reply;

/// A page. Each `{{name}}` of the template becomes its value, escaped; a name that is not among `values` becomes nothing.
pub fn page(status: u16, template: &str, values: &[(&str, &str)]) -> Reply {
    let mut html = String::with_capacity(template.len().saturating_add(512));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) = after.split_once("}}").unwrap_or_default();
        html.push_str(before);
        html.push_str(&escape(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)));
        rest = behind;
    }
    html.push_str(rest);
    Reply { status, headers: vec![("Content-Type", "text/html; charset=utf-8".to_owned())], body: html.into_bytes() }
        .with("Content-Security-Policy", policy(template))
        // `same-origin` and not `no-referrer`: with that, browsers send a form with `Origin: null`.
        .with("Referrer-Policy", "same-origin")
        .with("X-Frame-Options", "DENY")
}

/// Text for an element or for an attribute in double quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The template's own style and script by their hashes, and nothing else. There is no `form-action`: browsers apply it to
/// every redirect after the form, and Claude Desktop's ends at an address of its own.
fn policy(template: &str) -> String {
    let hash = |tag: &str| {
        let text = template.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>"))?.0;
        Some(format!(" {tag}-src 'sha256-{}';", BASE64.encode(Sha256::digest(text.as_bytes()))))
    };
    let own: String = ["style", "script"].into_iter().filter_map(hash).collect();
    format!("default-src 'none';{own} base-uri 'none'; frame-ancestors 'none'")
}

#[cfg(test)]
#[path = "../tests/unit/page.rs"]
mod tests;
