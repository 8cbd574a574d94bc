//! Pages for people: a template with its values filled in, under headers that let it load and run nothing else.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest, Sha256};

use crate::http::Reply;

/// A page. Each `{{name}}` of the template becomes its value, escaped; a name without a value becomes nothing.
pub fn page(status: u16, template: &str, values: &[(&str, &str)]) -> Reply {
    Reply::new(status, "text/html; charset=utf-8", fill(template, values))
        .with("Content-Security-Policy", policy(template))
        // Not `no-referrer`: with that, browsers send a form with `Origin: null`.
        .with("Referrer-Policy", "same-origin")
        .with("X-Frame-Options", "DENY")
}

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut html = String::with_capacity(template.len().saturating_add(512));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, remainder) = after.split_once("}}").unwrap_or_default();
        html.push_str(before);
        html.push_str(&escape(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)));
        rest = remainder;
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
