use super::*;

#[test]
fn origin_and_host_on_loopback_and_behind_a_proxy() {
    let local = Site::new("127.0.0.1:8892".parse().unwrap(), None, vec!["https://ok.example".to_owned()]);
    let public = Site::new("0.0.0.0:8892".parse().unwrap(), None, vec!["https://ok.example".to_owned()]);
    for (name, value, on_loopback, behind_proxy) in [
        ("host", "127.0.0.1:8892", true, true),
        ("host", "LOCALHOST", true, true),
        ("host", "[::1]:8892", true, true),
        ("host", "evil.example", false, true),
        ("host", "localhost.evil.example", false, true),
        ("host", "127.0.0.1:8892@evil", false, true),
        ("origin", "https://ok.example", true, true),
        ("origin", "https://OK.example", true, true),
        ("origin", "http://localhost:6274", true, false),
        ("origin", "null", false, false),
        ("origin", "https://ok.example.evil", false, false),
        ("origin", "http://localhost.evil", false, false),
    ] {
        let request = Head::for_test("POST", "/mcp", &[(name, value)]);
        let admits = |site: &Site| site.admit_host(&request).is_ok() && site.admit_origin(&request).is_ok();
        assert_eq!(admits(&local), on_loopback, "loopback, {name}: {value}");
        assert_eq!(admits(&public), behind_proxy, "proxy, {name}: {value}");
    }
}
