use super::*;

impl Head {
    /// A head for tests of what is decided by one.
    pub(crate) fn for_test(method: &str, path: &str, headers: &[(&str, &str)]) -> Head {
        Head {
            method: Method::from_str(method).unwrap(),
            target: path.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            content_length: 0,
            keep_alive: true,
            modern: true,
        }
    }
}

#[track_caller]
fn refused(head: &str, status: u16) {
    assert_eq!(
        Head::parse(head.as_bytes()).map(|head| head.target).map_err(|refused| refused.0),
        Err(status),
        "{head:?}"
    );
}

#[test]
fn a_plain_head_is_read() {
    let head =
        Head::parse(b"POST /mcp?x=1 HTTP/1.1\r\nHost: a\r\nX-A:  b \r\nX-A: c\r\nContent-Length: 12\r\n\r\n").unwrap();
    assert_eq!((head.method(), head.path(), head.content_length, head.keep_alive), (&Method::Post, "/mcp", 12, true));
    assert_eq!(head.all("x-a").collect::<Vec<_>>(), ["b", "c"]);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    refused("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 400);
    for (headers, status) in [
        ("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
        ("Content-Length: +1\r\n", 400),
        ("Content-Length: 1, 1\r\n", 400),
        ("Content-Length: \r\n", 400),
        ("Transfer-Encoding: chunked\r\n", 411),
        ("Transfer-Encoding: identity\r\nContent-Length: 1\r\n", 400),
        ("Host: b\r\n", 400),
        ("Authorization: a\r\nauthorization: b\r\n", 400),
        ("X-A: a\r\n b\r\n", 400),
        ("X-A : b\r\n", 400),
        ("X-A: a\0b\r\n", 400),
    ] {
        refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n"), status);
    }
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65)), 431);
}

#[test]
fn a_length_beyond_all_numbers_is_merely_too_large() {
    let head = Head::parse(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999999999\r\n\r\n").unwrap();
    assert_eq!(head.content_length, usize::MAX);
}

#[test]
fn the_end_of_a_head_is_found_over_several_reads() {
    let mut scanned = 0;
    assert!(matches!(find_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r", &mut scanned), Ok(None)));
    assert!(matches!(find_head_end(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", &mut scanned), Ok(Some(27))));
    assert!(find_head_end(b"GET / HTTP/1.1\nHost: a\n\n", &mut 0).is_err());
}
