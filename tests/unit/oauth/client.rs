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
        "http://localhost/callback?x=1",
        "http://localhost/\r\nLocation: x",
        "http://localhost:99999/",
        "http://localhost:+80/",
        "http://[127.0.0.1]/",
        "javascript:alert(1)",
        "",
    ] {
        assert_eq!(registered(&[bad]), Err("invalid_redirect_uri"), "{bad}");
    }
    assert_eq!(registered(&[]), Err("invalid_redirect_uri"));
    assert_eq!(registered(&["http://localhost/"; 6]), Err("invalid_redirect_uri"));
}

#[test]
fn a_name_has_something_to_see() {
    for name in ["\u{3164}", "\u{2800}\u{2800}", "\u{e0041}\u{e0042}", "\u{200b}", " "] {
        let metadata = json!({ "client_name": name, "redirect_uris": ["http://localhost/"] });
        let refused = register(metadata.as_object().unwrap(), 1).unwrap_err();
        assert_eq!(refused.error, "invalid_client_metadata", "{name:?}");
    }
}

#[test]
fn a_registration_keeps_the_addresses_that_can_be_used() {
    let vscode = [
        "https://insiders.vscode.dev/redirect",
        "https://vscode.dev/redirect",
        "http://127.0.0.1/",
        "http://127.0.0.1:33418/",
    ];
    let client = registered(&vscode).unwrap();
    assert_eq!(client.redirects, Redirects::Listed(vec![vscode[2].to_owned(), vscode[3].to_owned()]));
    assert!(client.takes_answers_at("http://127.0.0.1:51234/") && !client.takes_answers_at(vscode[1]));
    let many = ["https://vscode.dev/redirect"; 20];
    assert!(registered(&[&many[..], &["http://localhost/"]].concat()).is_ok(), "only what can be used is counted");
    assert_eq!(registered(&vscode[..2]), Err("invalid_redirect_uri"));
}

#[test]
fn a_program_that_is_known_by_its_metadata_document_takes_its_answer_on_this_machine_only() {
    let vscode = Client::find("https://vscode.dev/oauth/client-metadata.json").unwrap();
    assert_eq!(vscode.name, "vscode.dev");
    assert!(vscode.takes_answers_at("http://127.0.0.1:33418/") && vscode.takes_answers_at("http://localhost:1/x"));
    for elsewhere in ["https://vscode.dev/redirect", "https://claude.ai/api/mcp/auth_callback", "http://evil.example/"]
    {
        assert!(!vscode.takes_answers_at(elsewhere), "{elsewhere}");
    }
    for other in [
        "http://vscode.dev/client",
        "https://vscode.dev",
        "https://vscode.dev/",
        "https://vscode/client",
        "https://user@vscode.dev/client",
        "https://vscode.dev:8443/client",
        "https://VSCODE.dev/client",
        "https://vscode.dev/a/../client",
        "https://vscode.dev/client#x",
        "https://vscode.dev/cl ient",
        "https://vscode.dev/<b>",
        "https://xn--e1afmkfd.example\u{3002}com/client",
        &format!("https://vscode.dev/{}", "x".repeat(300)),
    ] {
        assert_eq!(Client::find(other), None, "{other}");
    }
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
    assert_eq!(Client::find(""), None);
    assert_eq!(Client::find(REGISTERED), None);
}

/// Whoever writes a link chooses the path and the PKCE verifier. Many servers answer `//evil.example/x?…` with a redirect to
/// that host, query included, and so hand the code on.
#[test]
fn a_path_on_this_machine_cannot_be_read_as_another_place() {
    let document = Client::find("https://vscode.dev/oauth/client-metadata.json").unwrap();
    for bad in [
        "http://localhost:8000//evil.example/x",
        "http://localhost:8000/a//evil.example/x",
        "http://localhost:8000/./x",
        "http://localhost:8000/../x",
        "http://localhost:8000/%2fevil.example/x",
        "http://localhost:8000/%5cevil.example/x",
        "http://localhost:8000/%2e%2e/x",
        &format!("http://localhost:8000/{}", "x".repeat(60)),
    ] {
        assert_eq!(registered(&[bad]), Err("invalid_redirect_uri"), "{bad}");
        assert!(!document.takes_answers_at(bad), "{bad}");
    }
    for good in ["http://localhost:8000/", "http://127.0.0.1:1/mcp/oauth/callback", "http://localhost:1/a.b/c_d-e~f/"] {
        assert!(registered(&[good]).is_ok() && document.takes_answers_at(good), "{good}");
    }
}
