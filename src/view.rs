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

const DOCUMENT: &str = concat!(
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
    include_str!("view/chart.js"),
    include_str!("view/outlines.js"),
    include_str!("view/map.js"),
    include_str!("view/view.js"),
    "})();\n</script>\n</body>\n</html>\n",
);

/// The address of the document.
pub fn address() -> String {
    let hash: String = Sha256::digest(DOCUMENT.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{BEFORE}{}{AFTER}", hash.get(..DIGITS).unwrap_or_default())
}

/// The result of `resources/list`.
pub fn list() -> Value {
    json!({ "resources": [{
        "uri": address(), "name": "result", "title": "Result as table, chart and map", "mimeType": MIME_TYPE, "_meta": look(),
    }] })
}

/// The result of `resources/read`. An address with another hash is one of an older or newer version of this program, from an old
/// conversation or from another copy: it gets the document that is here.
pub fn read(address: &str) -> Option<Value> {
    let hash = address.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    let is_one = hash.len() == DIGITS && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_one
        .then(|| json!({ "contents": [{ "uri": address, "mimeType": MIME_TYPE, "text": DOCUMENT, "_meta": look() }] }))
}

/// How the host frames it. Nothing else is said of it: what is not allowed explicitly, such as any network, is forbidden.
fn look() -> Value {
    json!({ "ui": { "prefersBorder": true } })
}
