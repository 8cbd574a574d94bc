//! The versions of the protocol: which kind of version a request is of, and what that kind requires of headers and `_meta`.
//!
//! In: the head of a request, its method and parameters. Out: a [`Protocol`], or the error to answer with. Pure.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use crate::{
    http::Head,
    jsonrpc::{Error, code},
};

/// The modern versions, newest first.
pub(super) const MODERN: &[&str] = &["2026-07-28"];
/// The legacy versions, newest first.
pub(super) const LEGACY: &[&str] = &["2025-11-25", "2025-06-18", "2025-03-26"];

/// The method by which a client learns which modern versions are spoken.
pub(super) const DISCOVER: &str = "server/discover";

/// Keys of `_meta` that every modern request has.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(super) const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// A kind of protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// With `initialize`, up to 2025-11-25.
    Legacy,
    /// With `_meta` in every request, from 2026-07-28 on.
    Modern,
}

/// The versions in the `MCP-Protocol-Version` header; proxies may join repeated headers.
pub(super) fn header_versions(head: &Head) -> impl Iterator<Item = &str> {
    head.all("mcp-protocol-version").flat_map(|value| value.split(',')).map(str::trim)
}

/// Finds the protocol of a request and checks what it requires of headers and `_meta`. `modern` are the modern versions that
/// are spoken: [`MODERN`], or none where the operator has disabled them. With [`DISCOVER`] a client learns which those are, so it is
/// answered whatever the header names, if anything, unless it contradicts the body or claims a version that is not spoken.
pub(super) fn protocol(
    head: &Head,
    method: &str,
    params: &Map<String, Value>,
    modern: &[&str],
) -> Result<Protocol, Error> {
    let discover = method == DISCOVER;
    if discover && modern.is_empty() {
        // Every known client goes on to initialize after this answer.
        return Err(Error::new(404, code::METHOD_NOT_FOUND, "there is no such method here; use initialize"));
    }
    let meta = params.get("_meta").and_then(Value::as_object);
    let claim = meta.and_then(|meta| meta.get(META_VERSION));
    let mut versions: Vec<&str> = header_versions(head).collect();
    versions.dedup();
    let header = match versions.as_slice() {
        [] => None,
        [one] => Some(*one),
        _ if discover => None,
        _ => {
            return Err(Error::new(
                400,
                code::HEADER_MISMATCH,
                "MCP-Protocol-Version names several versions; send one",
            ));
        }
    };
    let Some(claim) = claim else {
        return match header {
            Some(version) if modern.contains(&version) && method == "initialize" => Err(Error::new(
                400,
                code::HEADER_MISMATCH,
                "initialize belongs to older protocol versions than the MCP-Protocol-Version header names",
            )),
            Some(version) if modern.contains(&version) => Err(Error::new(
                400,
                code::INVALID_PARAMS,
                format!("params._meta must hold {META_VERSION} and {META_CAPABILITIES}"),
            )),
            _ if discover => Ok(Protocol::Modern),
            // What initialize asks for is settled by its answer, whatever the header says.
            Some(version) if !LEGACY.contains(&version) && method != "initialize" => Err(unsupported(version, modern)),
            _ => Ok(Protocol::Legacy),
        };
    };
    let Some(claim) = claim.as_str() else {
        return Err(Error::new(400, code::INVALID_PARAMS, format!("params._meta.{META_VERSION} must be a string")));
    };
    let known = modern.contains(&claim);
    // Claude Code sends a legacy header with a modern body (anthropics/claude-code#93290): the body counts.
    let tolerated = if discover {
        header.is_none_or(|version| !modern.contains(&version))
    } else {
        known && header.is_some_and(|version| LEGACY.contains(&version))
    };
    if !tolerated && header != Some(claim) {
        let message = format!(
            "the MCP-Protocol-Version header ({}) must equal params._meta.{META_VERSION} ({claim:?})",
            header.unwrap_or("missing")
        );
        return Err(Error::new(400, code::HEADER_MISMATCH, message));
    }
    if !known {
        return Err(unsupported(claim, modern));
    }
    if !meta.and_then(|meta| meta.get(META_CAPABILITIES)).is_some_and(Value::is_object) {
        return Err(Error::new(
            400,
            code::INVALID_PARAMS,
            format!("params._meta.{META_CAPABILITIES} must be an object"),
        ));
    }
    if !tolerated {
        mirrored(head, "mcp-method", Some(method))?;
        let named = |key: &str| mirrored(head, "mcp-name", params.get(key).and_then(Value::as_str));
        match method {
            "tools/call" => named("name")?,
            "resources/read" => named("uri")?,
            _ => {}
        }
    }
    Ok(Protocol::Modern)
}

fn unsupported(version: &str, modern: &[&str]) -> Error {
    let shown: String = version.chars().take(40).collect();
    let supported = if modern.is_empty() { LEGACY } else { modern };
    Error::new(400, code::UNSUPPORTED_PROTOCOL_VERSION, format!("protocol version {shown:?} is not spoken here"))
        .with(json!({ "supported": supported, "requested": shown }))
}

/// A header that must repeat a value of the body, possibly as `=?base64?…?=`.
fn mirrored(head: &Head, name: &str, body: Option<&str>) -> Result<(), Error> {
    let mismatch = |what: &str| Err(Error::new(400, code::HEADER_MISMATCH, format!("the {name} header {what}")));
    let Some(value) = head.header(name) else { return mismatch("is missing") };
    let decoded = match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => match BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(decoded) => decoded,
            None => return mismatch("is not valid base64"),
        },
        None => value.to_owned(),
    };
    if Some(decoded.as_str()) == body { Ok(()) } else { mismatch("does not equal the body") }
}

#[cfg(test)]
#[path = "../../tests/unit/mcp/version.rs"]
mod tests;
