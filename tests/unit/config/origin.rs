use super::*;

#[test]
fn an_origin_in_the_spelling_of_browsers() {
    let label = "a".repeat(63);
    let longest = format!("https://{label}.{label}.{label}.{}", "a".repeat(61));
    for same in [
        "https://fleetmcp.example.com",
        "https://x.example:8443",
        "http://x.example:443",
        "https://x.example:80",
        "https://x",
        "https://1x.example",
        "https://xn--bcher-kva.example",
        "https://192.0.2.7:65535",
        "https://[::1]",
        "https://[2001:db8::1]:8443",
        "https://[::ffff:c000:207]",
        "http://localhost:1",
        &longest,
    ] {
        assert_eq!(canonical(same).as_deref(), Ok(same));
    }
    for (text, spelling) in [
        ("https://x.example:443", "https://x.example"),
        ("http://x.example:80", "http://x.example"),
        ("https://x.example:", "https://x.example"),
        ("https://x.example:0443", "https://x.example"),
        ("https://x.example:08443", "https://x.example:8443"),
        ("HTTPS://X.Example", "https://x.example"),
        ("https://[::0001]", "https://[::1]"),
        ("https://[0:0:0:0:0:0:0:1]:443", "https://[::1]"),
        ("https://[::ffff:192.0.2.7]", "https://[::ffff:c000:207]"),
    ] {
        assert_eq!(canonical(text).as_deref(), Ok(spelling), "{text}");
    }
    for (text, part) in [
        ("x.example", "does not begin with"),
        ("ftp://x.example", "does not begin with"),
        ("null", "does not begin with"),
        ("https://", "no host"),
        ("https://:5", "no host"),
        ("https://x.example/", "more than a host"),
        ("https://a@x.example", "more than a host"),
        ("https://[", "closing bracket"),
        ("https://[::1", "closing bracket"),
        ("https://[]", "not an IPv6"),
        ("https://[::1%25eth0]", "not an IPv6"),
        ("https://[192.0.2.7]", "not an IPv6"),
        ("https://::1", "no host"),
        ("https://[::1]8443", "port"),
        ("https://x:99999", "port"),
        ("https://x:0", "port"),
        ("https://x:+80", "port"),
        ("https://x:8a", "port"),
        ("https://x:1:2", "port"),
        ("https://a..b", "letters, digits"),
        ("https://x.example.", "letters, digits"),
        ("https://-x.example", "letters, digits"),
        ("https://x-.example", "letters, digits"),
        ("https://bücher.example", "letters, digits"),
        ("https://*", "letters, digits"),
        ("https://a b", "letters, digits"),
        ("https://1.2.3", "four numbers"),
        ("https://1", "four numbers"),
        ("https://192.0.2.07", "four numbers"),
        ("https://192.0.2.256", "four numbers"),
        ("https://x.0x1f", "four numbers"),
        ("https://x.5", "four numbers"),
    ] {
        let wrong = canonical(text).expect_err(text);
        assert!(wrong.contains(part), "{text}: {wrong}");
    }
    assert!(canonical(&format!("https://{label}a.example")).is_err(), "a label of 64");
    assert!(canonical(&format!("{longest}a")).is_err(), "254 characters");
}

#[test]
fn only_this_machine_is_loopback() {
    for here in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:65535"] {
        assert!(is_loopback(here), "{here}");
    }
    for other in [
        "",
        "localhost:",
        "localhost:+80",
        "localhost:-1",
        "localhost:0",
        "localhost:65536",
        "localhost: 80",
        "localhost.evil",
        "[::1]80",
        "::1",
        "10.0.0.1",
        "127.1",
        "[127.0.0.1",
        "x",
    ] {
        assert!(!is_loopback(other), "{other}");
    }
}
