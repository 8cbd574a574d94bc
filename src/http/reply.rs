//! A response. It is complete in memory before its first byte is sent, since answers are bounded.

use std::io;

use tiny_http::{HTTPVersion, Header, StatusCode};

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub(super) status: u16,
    /// Header names and values beside the fixed ones. Whatever a client wrote of a value is percent-encoded.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

impl Reply {
    /// A body of this media type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Body>) -> Reply {
        Reply { status, headers: vec![("Content-Type", content_type.to_owned())], body: body.into() }
    }

    /// A JSON body.
    pub fn json(status: u16, body: impl Into<Body>) -> Reply {
        Reply::new(status, "application/json", body)
    }

    /// No body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: Body::default() }
    }

    /// A refusal that is not JSON-RPC: `{"error":"…"}`. The text is the program's own.
    pub fn refusal(status: u16, reason: &str) -> Reply {
        Reply::json(status, serde_json::json!({ "error": reason }).to_string())
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the body is a page for people.
    pub fn is_page(&self) -> bool {
        self.headers.iter().any(|(name, value)| *name == "Content-Type" && value.starts_with("text/html"))
    }

    /// The same with the body of a page, and with what the page adds to the headers.
    pub fn shown_as(mut self, page: Reply) -> Reply {
        self.headers.retain(|(name, _)| *name != "Content-Type");
        self.headers.extend(page.headers);
        Reply { body: page.body, ..self }
    }

    /// The head. A body whose length is not known is chunked.
    pub(super) fn head(&self, length_known: bool, keep_alive: bool) -> io::Result<Vec<u8>> {
        let fixed = [("Server", "analytics_mcp"), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")];
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers = fixed.into_iter().chain(own).filter_map(|(name, value)| Header::from_bytes(name, value).ok());
        let length = Some(self.body.len()).filter(|_| length_known && self.status != 204);
        let head = tiny_http::Response::new(StatusCode(self.status), headers.collect(), io::empty(), length, None);
        let mut bytes = Vec::with_capacity(512);
        head.with_chunked_threshold(usize::MAX).raw_print(&mut bytes, HTTPVersion(1, 1), &[], true, None)?;
        if !keep_alive {
            // tiny_http drops a Connection header, so it is put before the empty line.
            bytes.truncate(bytes.len().saturating_sub(2));
            bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        }
        Ok(bytes)
    }
}

/// The body of a response, in pieces that are sent one after the other and never joined in memory.
#[derive(Debug, Default)]
pub struct Body(Vec<Vec<u8>>);

impl Body {
    /// A body of several pieces.
    pub fn pieces(pieces: Vec<Vec<u8>>) -> Body {
        Body(pieces)
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn slices(&self) -> Vec<&[u8]> {
        self.0.iter().map(Vec::as_slice).collect()
    }
}

impl<T: Into<Vec<u8>>> From<T> for Body {
    fn from(bytes: T) -> Body {
        Body(vec![bytes.into()])
    }
}
