use super::*;

fn registered(uris: &[&str]) -> Result<Client, &'static str> {
    let metadata = json!({ "client_name": "Inspector", "redirect_uris": uris });
    let answer = register(metadata.as_object().unwrap(), 1).map_err(|refused| refused.error)?;
    Ok(Client::find(answer["client_id"].as_str().unwrap()).unwrap())
}

#[test]
fn only_claude_and_this_machine_may_be_sent_an_answer() {
    for good in [
        "https://claude.ai/api/mcp/auth_callback",
        "http://localhost:6274/oauth/callback",
        "http://127.0.0.1:33418/",
        "http://[::1]:8080/callback",
        "http://localhost/callback?x=1",
    ] {
        assert!(registered(&[good]).unwrap().takes_answers_at(good), "{good}");
    }
    for bad in [
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth_callback/../x",
        "https://localhost/callback",
        "http://localhost.evil.example/callback",
        "http://localhost:80@evil.example/",
        "http://evil.example#http://localhost/",
        "http://localhost\\@evil.example/",
        "http://localhost/callback#fragment",
        "http://localhost/\r\nLocation: x",
        "http://localhost:99999/",
        "javascript:alert(1)",
        "",
    ] {
        assert_eq!(registered(&[bad]), Err("invalid_redirect_uri"), "{bad}");
    }
    assert_eq!(registered(&[]), Err("invalid_redirect_uri"));
    assert_eq!(registered(&["http://localhost/"; 6]), Err("invalid_redirect_uri"));
}

#[test]
fn the_answer_goes_to_the_letter_where_it_was_registered_but_for_a_loopback_port() {
    let client = registered(&["http://localhost:1234/callback", "https://claude.ai/api/mcp/auth_callback"]).unwrap();
    assert!(client.takes_answers_at("http://localhost:5678/callback"));
    for other in [
        "http://127.0.0.1:1234/callback",
        "http://localhost:1234/callback/",
        "http://localhost:1234/callback?x=1",
        "https://claude.ai/api/mcp/auth_callback?x=1",
        "https://claude.com/api/mcp/auth_callback",
    ] {
        assert!(!client.takes_answers_at(other), "{other}");
    }
}

#[test]
fn an_id_made_by_hand_can_name_no_other_destination() {
    let made = |held: Value| format!("{REGISTERED}{}", BASE64URL.encode(held.to_string()));
    assert!(Client::find(&made(json!({ "n": "x", "r": ["http://localhost/"] }))).is_some());
    for held in [
        json!({ "n": "x", "r": ["https://evil.example/"] }),
        json!({ "n": "", "r": ["http://localhost/"] }),
        json!({ "n": "x".repeat(81), "r": ["http://localhost/"] }),
        json!({ "n": "Claude\u{202e}", "r": ["http://localhost/"] }),
        json!({ "n": "x", "r": [] }),
        json!([]),
    ] {
        assert_eq!(Client::find(&made(held.clone())), None, "{held}");
    }
    assert_eq!(Client::find("https://evil.example/client"), None);
    assert_eq!(Client::find(""), None);
}
