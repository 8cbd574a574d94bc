//! The view in which a host shows a person the rows of `show_query`: one HTML document without any data in it, made of the files in
//! `view/`, under an address that changes with it, since hosts keep documents by their address.
//!
//! In: an address that a client wrote. Out: the members of MCP's results that concern the view, as the extension MCP Apps has
//! them (SEP-1865, 2026-01-26). The document runs in a frame of the host's, without network and without cookies, and speaks to the host
//! alone. Pure.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The extension that hosts and servers announce.
pub const EXTENSION: &str = "io.modelcontextprotocol/ui";

/// Exactly so: hosts compare it.
const MIME_TYPE: &str = "text/html;profile=mcp-app";
/// What stands around the hash in the address.
const BEFORE: &str = "ui://fireside-analytics/result-";
const AFTER: &str = ".html";
/// How many of the hash's hexadecimal digits are in the address.
const DIGITS: usize = 16;

const PARTS: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<head>\n",
    include_str!("view/head.html"),
    "<style>\n",
    include_str!("view/style.css"),
    include_str!("view/chart.css"),
    include_str!("view/map.css"),
    "</style>\n</head>\n<body>\n",
    include_str!("view/body.html"),
    "<script>\n(() => {\n\"use strict\";\n",
    include_str!("view/host.js"),
    include_str!("view/data.js"),
    include_str!("view/table.js"),
    include_str!("view/choose.js"),
    include_str!("view/figures.js"),
    include_str!("view/chart.js"),
    include_str!("view/outlines.js"),
    include_str!("view/shapes.js"),
    include_str!("view/map.js"),
    include_str!("view/view.js"),
    "})();\n</script>\n</body>\n</html>\n",
);

/// The document: the parts without indentation and without the lines of comment, which are there for who reads the source.
fn document() -> String {
    let lines = PARTS.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The address of the document.
pub fn address() -> String {
    let hash: String = Sha256::digest(document().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{BEFORE}{}{AFTER}", hash.get(..DIGITS).unwrap_or_default())
}

/// The result of `resources/list`.
pub fn list() -> Value {
    let title = "Result as table, chart or map";
    json!({ "resources": [{ "uri": address(), "name": "result", "title": title, "mimeType": MIME_TYPE, "_meta": look() }] })
}

/// The result of `resources/read`. An address with another hash is one of an older or newer version of this program, from an old
/// conversation or from another copy: it gets the document that is here.
pub fn read(address: &str) -> Option<Value> {
    let hash = address.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    let content = || json!({ "uri": address, "mimeType": MIME_TYPE, "text": document(), "_meta": look() });
    (hash.len() == DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| json!({ "contents": [content()] }))
}

/// How the host frames it. Nothing else is said of it: what is not allowed explicitly, such as any network, is forbidden.
fn look() -> Value {
    json!({ "ui": { "prefersBorder": true } })
}
