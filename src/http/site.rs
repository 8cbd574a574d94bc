//! Pages in a browser: from which origins they may call, and under which `Host` this server answers.
//!
//! In: the head of a request. Out: whether its `Host` is served, and its origin, or why not. Follows the transport section of the MCP specification (`Origin`, DNS rebinding).

use std::net::SocketAddr;

use super::Head;
use crate::config::is_loopback;

/// Which browser origins and which `Host` values are served.
#[derive(Debug, Clone)]
pub struct Site {
    allowed_origins: Vec<String>,
    public_host: Option<String>,
    loopback: bool,
}

impl Site {
    /// The rules for a server that listens on `listen` and is reached at `public_url`. Only a server on loopback trusts
    /// pages from localhost, and only there a foreign `Host` means DNS rebinding: behind a proxy the proxy has checked it.
    pub fn new(listen: SocketAddr, public_url: Option<&str>, mut allowed_origins: Vec<String>) -> Site {
        // The server's own pages are not foreign ones.
        allowed_origins.extend(public_url.map(str::to_owned));
        let public_host = public_url.and_then(|url| url.split_once("://")).map(|(_, host)| host.to_owned());
        Site { allowed_origins, public_host, loopback: listen.ip().is_loopback() }
    }

    /// Whether the request's `Host` is served here; the error says why not, for the client to read.
    pub fn admit_host(&self, head: &Head) -> Result<(), &'static str> {
        match head.header("host") {
            Some(host) if self.loopback && !is_loopback(host) && self.public_host.as_deref() != Some(host) => {
                Err("this server listens on loopback only and serves no other Host")
            }
            _ => Ok(()),
        }
    }

    /// The request's origin, if it names one; the error says why it is refused, for the client to read.
    pub fn admit_origin<'a>(&self, head: &'a Head) -> Result<Option<&'a str>, &'static str> {
        match head.header("origin") {
            Some(origin) if !self.origin_allowed(origin) => {
                Err("this Origin is not allowed; the operator can add it to MCP_ALLOWED_ORIGINS")
            }
            origin => Ok(origin),
        }
    }

    fn origin_allowed(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        self.allowed_origins.contains(&origin) || (self.loopback && host.is_some_and(is_loopback))
    }
}

#[cfg(test)]
#[path = "../../tests/unit/http/site.rs"]
mod tests;
