//! The head of a request: its first line and its headers, with only one way to read them, or refused.
//!
//! In: the bytes up to the empty line. Out: a [`Head`], or the status and reason of the refusal. Pure. `httparse` parses the
//! head; what it accepts although two programs could read it differently is refused here.

use std::str::FromStr;

use tiny_http::Method;

use super::MAX_HEADERS;

/// Headers that a request may carry only once: with a second one, two programs could read it differently.
const SINGLE: &[&str] =
    &["host", "content-length", "content-type", "authorization", "origin", "sec-fetch-site", "expect"];

/// A request line and its headers, complete and within every limit.
#[derive(Debug, Clone)]
pub struct Head {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    pub(super) content_length: usize,
    pub(super) keep_alive: bool,
    /// HTTP/1.1 and not 1.0.
    modern: bool,
}

impl Head {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query, as it was sent; empty where there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The media type of the body, without its parameters.
    pub fn content_type(&self) -> &str {
        self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }

    /// Whether a response may be an event stream: the client accepts one, and its HTTP version can carry it.
    pub fn takes_events(&self) -> bool {
        let takes = |value: &str| value.to_ascii_lowercase().contains("text/event-stream");
        self.modern && self.all("accept").any(takes)
    }

    /// Whether a browser shows the response to a person: it opens a page, where a program only fetches something. Browsers
    /// say which (Fetch Metadata); without that, only reading counts, and only of somebody who does not take JSON too.
    pub fn is_for_person(&self) -> bool {
        let accepts = |kind: &str| self.all("accept").any(|accept| accept.contains(kind));
        let opens = match self.header("sec-fetch-mode") {
            Some(mode) => mode == "navigate",
            None => matches!(self.method, Method::Get | Method::Head),
        };
        opens && accepts("text/html") && !accepts("json")
    }

    /// A header's value, trimmed; `name` in lower case. Of several with the same name, the first; see [`Head::all`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header; `name` in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads a head from its bytes, the empty line included.
    pub(super) fn parse(bytes: &[u8]) -> Result<Head, Refused> {
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut slots);
        match request.parse(bytes) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Refused(431, "more than 64 headers")),
            Err(httparse::Error::Version) => return Err(Refused(505, "only HTTP/1.1 and HTTP/1.0 are supported")),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Refused(400, "the request head is malformed")),
        }
        let mut headers: Vec<(String, String)> = Vec::with_capacity(request.headers.len());
        for header in request.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            if SINGLE.contains(&name.as_str()) && headers.iter().any(|(known, _)| *known == name) {
                return Err(Refused(400, "a header that may occur only once was sent twice"));
            }
            let value = String::from_utf8_lossy(header.value).trim_matches([' ', '\t']).to_owned();
            headers.push((name, value));
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let modern = request.version == Some(1);
        if modern && header("host").is_none() {
            return Err(Refused(400, "the Host header is missing"));
        }
        if header("transfer-encoding").is_some() {
            return Err(match header("content-length") {
                Some(_) => Refused(400, "Content-Length and Transfer-Encoding must not be sent together"),
                None => Refused(411, "send the body with a Content-Length; Transfer-Encoding is not supported"),
            });
        }
        let content_length = match header("content-length") {
            None => 0,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number that does not fit is too large in any case.
                digits.parse().unwrap_or(usize::MAX)
            }
            Some(_) => return Err(Refused(400, "Content-Length is not a number")),
        };
        let target = request.path.unwrap_or_default();
        if !target.starts_with('/') && target != "*" {
            return Err(Refused(400, "the request target must be a path"));
        }
        let connection = header("connection").unwrap_or_default().to_ascii_lowercase();
        let has = |word: &str| connection.split(',').any(|part| part.trim() == word);
        let keep_alive = if modern { !has("close") } else { has("keep-alive") };
        let method = Method::from_str(request.method.unwrap_or_default());
        let method = method.map_err(|()| Refused(400, "the method is malformed"))?;
        Ok(Head { method, target: target.to_owned(), headers, content_length, keep_alive, modern })
    }
}

/// A request that is refused before it reaches a handler: status and reason.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(pub(super) u16, pub(super) &'static str);

/// Where the head ends, if its end has arrived. A line feed without a carriage return is refused at once: proxies and servers
/// disagree about it. `scanned` is how far earlier calls have looked.
pub(super) fn find_head_end(bytes: &[u8], scanned: &mut usize) -> Result<Option<usize>, Refused> {
    for (index, byte) in bytes.iter().enumerate().skip(*scanned) {
        if *byte == b'\n' {
            let line = bytes.get(..index).unwrap_or_default();
            if !line.ends_with(b"\r") {
                return Err(Refused(400, "lines must end with CR LF"));
            }
            if line.ends_with(b"\r\n\r") {
                return Ok(Some(index.saturating_add(1)));
            }
        }
    }
    *scanned = bytes.len();
    Ok(None)
}

#[cfg(test)]
#[path = "../../tests/unit/http/head.rs"]
mod tests;
