//! Web origins in the one spelling that browsers send: `https://fleetmcp.example.com`, `http://localhost:3000`.
//!
//! An `Origin` header is compared as text, so a setting in any other spelling would never equal one. Follows the host parser and
//! the serializer of the URL Standard, for hosts that need no conversion to ASCII. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The spelling of an origin `scheme://host[:port]` that browsers send, or what is wrong with it.
pub(crate) fn canonical(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority, default_port) = if let Some(authority) = text.strip_prefix("https://") {
        ("https", authority, 443)
    } else if let Some(authority) = text.strip_prefix("http://") {
        ("http", authority, 80)
    } else {
        return Err("it does not begin with https:// or http://");
    };
    if authority.contains(['/', '?', '#', '@']) {
        return Err("it has more than a host and a port; leave out the rest");
    }
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (address, rest) = inside.split_once(']').ok_or("its host has no closing bracket")?;
            let address: Ipv6Addr = address.parse().map_err(|_| "its host is not an IPv6 address")?;
            (bracketed(address), rest)
        }
        None => {
            let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            check_host(host)?;
            (host.to_owned(), rest)
        }
    };
    // A colon without a port means the scheme's own.
    match rest {
        "" | ":" => Ok(format!("{scheme}://{host}")),
        rest => match rest.strip_prefix(':').and_then(port).ok_or("its port is not a number from 1 to 65535")? {
            port if port == default_port => Ok(format!("{scheme}://{host}")),
            port => Ok(format!("{scheme}://{host}:{port}")),
        },
    }
}

/// Whether `host` or `host:port` names this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let port = |text: &str| text.is_empty() || text.strip_prefix(':').and_then(port).is_some();
    if let Some((address, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback()) && port(rest);
    }
    let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let named = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    named && port(rest)
}

/// A port. `u16::from_str` alone would take `+80`.
fn port(digits: &str) -> Option<u16> {
    let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>().ok())??;
    (port > 0).then_some(port)
}

/// A name of the DNS or an IPv4 address. Names with `_` exist inside networks, and browsers send them.
fn check_host(host: &str) -> Result<(), &'static str> {
    let label = |label: &str| {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    if host.len() > 253 || !host.split('.').all(label) {
        return Err("its host is not a name of letters, digits and hyphens with dots between them");
    }
    // Browsers read a name that ends in a number as an address, in more forms than anybody means.
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if (hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())) && host.parse::<Ipv4Addr>().is_err() {
        return Err("its host ends in a number but is not an IPv4 address of four numbers");
    }
    Ok(())
}

/// `[::1]`. Rust writes the end of an IPv4-mapped address in decimal numbers, browsers do not.
fn bracketed(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
        _ => format!("[{address}]"),
    }
}

#[cfg(test)]
#[path = "../../tests/unit/config/origin.rs"]
mod tests;
