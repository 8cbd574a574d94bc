//! Signing in as people and programs do it: what they paste, how their requests are spelled, what they are shown.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::{
    oauth::{
        CALLBACK, CLAUDE, FORM, JSON, PUBLIC, VERIFIER, authorization, denied, form, page, redeem, refresh, sent_back,
        server, sign_in, status, submit, tokens, value,
    },
    support::{
        client::{Response, message, request},
        server::ALICE,
    },
};

/// The address of the page for the next try.
#[track_caller]
fn next_try(response: &Response) -> String {
    assert_eq!(response.status, 303, "{}", response.text());
    let to = response.header("location").unwrap();
    assert!(to.starts_with("/authorize?"), "{to}");
    to.to_owned()
}

#[test]
fn a_wrong_token_leads_to_a_page_that_says_what_is_wrong_and_can_be_loaded_again() {
    let server = server();
    let query = authorization(&[]);
    for (pasted, says) in [
        ("not-the-token-of-anybody", "This is not a valid token"),
        ("", "The field was empty"),
        (&ALICE[..12], "not a whole token"),
        ("a token of mine 0123456789", "more in the field than a token"),
        ("access.eyJleHAiOjE3.c2lnbmF0dXJl", "made for a program"),
    ] {
        let to = next_try(&submit(&server, &query, pasted, &[("X-Forwarded-For", "198.51.100.7")]));
        for _ in 0..2 {
            let shown = request(server.port, "GET", &to, &[("Accept", "text/html")], b"");
            assert_eq!((shown.status, shown.header("content-type")), (200, Some("text/html; charset=utf-8")));
            let html = shown.text();
            assert!(
                html.contains(says) && html.contains("aria-invalid=\"true\"") && html.contains("Error: "),
                "{html}"
            );
            assert!(pasted.is_empty() || !html.contains(pasted), "what was typed is not repeated");
            assert!(!html.contains("sign_in_error"), "its form sends the client's request and nothing else: {html}");
        }
        let again = next_try(&submit(&server, &query, "still-not-a-token-of-anybody", &[]));
        assert_eq!(again.matches("sign_in_error").count(), 1, "{again}");
    }
    let made_up = request(server.port, "GET", &format!("/authorize?{query}&sign_in_error=%3Cscript%3E"), &[], b"");
    assert!(made_up.status == 200 && !made_up.text().contains("Error: ") && !made_up.text().contains("script%3E"));
    let line = server.audit("the wrong token", |line| line["event"] == "sign_in_refused");
    assert_eq!((&line["peer"], &line["reason"]), (&json!("198.51.100.7"), &json!("wrong token on the sign-in page")));
}

#[test]
fn what_people_copy_along_with_a_token_is_left_out() {
    let server = server();
    for pasted in [
        format!("Bearer {ALICE}"),
        format!("alice:{ALICE}"),
        format!("\u{201c}{ALICE}\u{201d}"),
        format!(" Authorization: Bearer {ALICE}\n"),
    ] {
        let back = sent_back(&submit(&server, &authorization(&[]), &pasted, &[]));
        assert!(!value(&back, "code").is_empty(), "{pasted}");
    }
}

#[test]
fn a_valid_token_always_passes_whatever_others_at_the_address_do() {
    let server = server();
    let from = [("X-Forwarded-For", "198.51.100.7")];
    let query = authorization(&[]);
    let stop = AtomicBool::new(false);
    let statuses = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    submit(&server, &query, "guess-0123456789abcdef", &from);
                }
            });
        }
        let statuses: Vec<bool> = (0..50)
            .map(|_| submit(&server, &query, ALICE, &from))
            .map(|back| !value(&sent_back(&back), "code").is_empty())
            .collect();
        stop.store(true, Ordering::Relaxed);
        statuses
    });
    assert_eq!(statuses, [true; 50]);
}

#[test]
fn an_extension_that_hides_the_origin_locks_nobody_out() {
    let server = server();
    let (ours, theirs) = ("fleet.example.com", "127.0.0.1");
    for (site, host, status) in
        [("same-origin", ours, 303), ("cross-site", ours, 403), ("none", ours, 403), ("same-origin", theirs, 403)]
    {
        let headers = [("Origin", "null"), ("Sec-Fetch-Site", site), ("Host", host)];
        let response = submit(&server, &authorization(&[]), ALICE, &headers);
        assert_eq!(response.status, status, "{site} {host}");
        assert!(status == 303 || response.text().contains("origin-hidden"), "{}", response.text());
    }
}

#[test]
fn a_state_that_grows_in_the_form_still_signs_in() {
    let server = server();
    let query = format!("{}&state={}", authorization(&[("state", "")]), "~".repeat(5_600));
    assert_eq!(page(&server, &query).status, 200);
    let response = submit(&server, &query, ALICE, &[]);
    assert_eq!(response.status, 303, "{}", response.text());
    assert!(response.header("location").unwrap().contains(&"%7E".repeat(5_600)));
    next_try(&submit(&server, &query, "not-the-token-of-anybody", &[]));
}

#[test]
fn the_resource_may_be_spelled_and_repeated_as_the_rfcs_allow() {
    let server = server();
    let mcp = "https://fleet.example.com/mcp";
    for resources in [
        &["HTTPS://FLEET.example.com/mcp"][..],
        &["https://fleet.example.com/mcp/"],
        &[mcp, mcp],
        &[mcp, PUBLIC],
        &["https://fleet.example.com/"],
        &[],
    ] {
        let mut query = authorization(&[("resource", "")]);
        for resource in resources {
            query.push_str(&format!("&{}", form(&[("resource", resource)])));
        }
        let back = sent_back(&submit(&server, &query, ALICE, &[]));
        // Some of what was first named, or all of it.
        let last = resources.last().copied().unwrap_or(PUBLIC);
        let again =
            form(&[("grant_type", "authorization_code"), ("code", &value(&back, "code")), ("client_id", CLAUDE)]);
        let again = format!("{again}&{}", form(&[("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]));
        let named: String =
            resources.iter().chain([&last]).map(|name| format!("&{}", form(&[("resource", name)]))).collect();
        let (_, renewal) = tokens(&request(server.port, "POST", "/token", &[FORM], (again + &named).as_bytes()));
        let other = form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &renewal),
            ("client_id", CLAUDE),
            ("resource", "https://other.example/mcp"),
        ]);
        let refused = request(server.port, "POST", "/token", &[FORM], other.as_bytes());
        denied("another resource at the refresh", &refused, 400, "invalid_target");
    }
    let mixed = format!("{}&resource=https%3A%2F%2Fother.example%2Fmcp", authorization(&[]));
    assert_eq!(value(&sent_back(&page(&server, &mixed)), "error"), "invalid_target");
}

#[test]
fn what_is_missing_is_an_invalid_request() {
    let server = server();
    for (path, pairs) in [
        ("/token", &[("client_id", CLAUDE)][..]),
        ("/token", &[("client_id", CLAUDE), ("grant_type", "")]),
        ("/token", &[("client_id", CLAUDE), ("grant_type", "authorization_code")]),
        ("/token", &[("client_id", CLAUDE), ("grant_type", "refresh_token")]),
        ("/revoke", &[("client_id", CLAUDE)]),
    ] {
        let response = request(server.port, "POST", path, &[FORM], form(pairs).as_bytes());
        denied(&format!("{path} {pairs:?}"), &response, 400, "invalid_request");
    }
    let other = form(&[("client_id", CLAUDE), ("grant_type", "password")]);
    let response = request(server.port, "POST", "/token", &[FORM], other.as_bytes());
    denied("another grant", &response, 400, "unsupported_grant_type");
}

#[test]
fn a_program_on_this_machine_is_sent_nothing_that_nobody_has_allowed() {
    let server = server();
    let local = "http://localhost:62050/callback";
    let code = "https://claude.ai/oauth/claude-code-client-metadata";
    for (changes, problem) in [
        ([("response_type", "token")], "response-type"),
        ([("response_mode", "form_post")], "response-type"),
        ([("response_mode", "fragment")], "response-type"),
        ([("code_challenge_method", "plain")], "pkce"),
        // Where a link was cut when it was copied.
        ([("code_challenge_method", "S2")], "copy all of it again"),
        ([("code_challenge_method", "")], "link-incomplete"),
        ([("code_challenge", "")], "link-incomplete"),
        ([("response_type", "")], "link-incomplete"),
        ([("redirect_uri", "")], "link-incomplete"),
        ([("client_id", "")], "link-incomplete"),
        ([("resource", "https://other.example/mcp")], "resource"),
    ] {
        let query = authorization(&[&[("client_id", code), ("redirect_uri", local)], &changes[..]].concat());
        for response in [page(&server, &query), submit(&server, &query, ALICE, &[])] {
            assert_eq!((response.status, response.header("location")), (400, None), "{changes:?}");
            assert!(response.text().contains(problem), "{changes:?}: {}", response.text());
        }
    }
    // What a person does is answered.
    let query = authorization(&[("client_id", code), ("redirect_uri", local)]);
    let cancelled = form(&[("request", &query), ("action", "deny")]);
    let response = request(server.port, "POST", "/authorize", &[FORM, ("Origin", PUBLIC)], cancelled.as_bytes());
    assert!(response.header("location").unwrap().starts_with(&format!("{local}?error=access_denied&")));
}

#[test]
fn a_program_that_has_a_metadata_document_signs_in_on_this_machine() {
    let server = server();
    let (vscode, local) = ("https://vscode.dev/oauth/client-metadata.json", "http://127.0.0.1:33418/");
    let query = authorization(&[("client_id", vscode), ("redirect_uri", local)]);
    let html = page(&server, &query).text();
    assert!(html.contains("vscode.dev") && html.contains("127.0.0.1:33418") && html.contains("Unverified"), "{html}");
    let response = submit(&server, &query, ALICE, &[]);
    let (to, answer) = response.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(to, local);
    let answer: Vec<(String, String)> = form_urlencoded::parse(answer.as_bytes()).into_owned().collect();
    let changes = [("client_id", vscode), ("redirect_uri", local)];
    let (access, _) = tokens(&redeem(&server, &value(&answer, "code"), &changes));
    assert_eq!(status(&server, &access), 200);
}

#[test]
fn only_claude_on_the_web_is_verified() {
    let server = server();
    let register = |name: &str, uri: &str| {
        let body = json!({ "client_name": name, "redirect_uris": [uri] }).to_string();
        let registered = request(server.port, "POST", "/register", &[JSON], body.as_bytes()).json();
        registered["client_id"].as_str().unwrap().to_owned()
    };
    let local = "http://localhost:62050/callback";
    let code = "https://claude.ai/oauth/claude-code-client-metadata";
    let named = register("Claude — checked and approved", local);
    // Whatever it calls itself: an answer at Claude's own address reaches Claude.
    let renamed = register("Something else", CALLBACK);
    for (client, uri, name, verified) in [
        (CLAUDE, CALLBACK, "Claude", true),
        (&*renamed, CALLBACK, "Claude", true),
        (code, local, "Claude Code", false),
        (&*named, local, "Claude — checked and approved", false),
    ] {
        let html = page(&server, &authorization(&[("client_id", client), ("redirect_uri", uri)])).text();
        assert!(html.contains(name) && !html.contains("Something else"), "{html}");
        assert_eq!(!html.contains("Unverified"), verified, "{client}: {html}");
        assert!(html.contains("only if you have just started this connection yourself"), "{html}");
    }
}

#[test]
fn a_person_is_never_shown_json() {
    let server = server();
    let html = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for (method, path, status) in [
        ("GET", "/mcp", 200),
        ("GET", "/mcp/", 200),
        ("GET", "/", 200),
        ("GET", "/privacy", 200),
        ("GET", "/nothing-here", 404),
        ("GET", "/authorize", 400),
        ("GET", "/token", 405),
        ("GET", "/metrics", 401),
        ("GET", "/.well-known/oauth-protected-resource/other", 404),
        ("POST", "/mcp", 401),
    ] {
        let response = request(server.port, method, path, &[html, ("Sec-Fetch-Mode", "navigate")], b"");
        let shown = (response.status, response.header("content-type"));
        assert_eq!(shown, (status, Some("text/html; charset=utf-8")), "{path}");
        assert!(response.header("content-security-policy").is_some(), "{path}");
    }
    let old = request(server.port, "GET", "/nothing-here", &[html], b"");
    assert_eq!(
        (old.status, old.header("content-type")),
        (404, Some("text/html; charset=utf-8")),
        "a browser that says less"
    );
    let navigates = ("Sec-Fetch-Mode", "navigate");
    let foreign = request(server.port, "POST", "/mcp", &[html, navigates, ("Origin", "https://evil.example")], b"");
    assert_eq!((foreign.status, foreign.header("content-type")), (403, Some("text/html; charset=utf-8")));
    let challenged = request(server.port, "POST", "/mcp", &[html, navigates], b"");
    assert!(challenged.header("www-authenticate").unwrap().starts_with("Bearer resource_metadata="));
    for path in ["/mcp", "/nothing-here", "/authorize"] {
        let program = request(server.port, "DELETE", path, &[("Accept", "*/*")], b"");
        assert_eq!(program.header("content-type"), Some("application/json"), "{path}");
    }
}

#[test]
fn a_missing_token_and_a_wrong_one_are_told_apart() {
    let server = server();
    let says = |authorization: Option<&str>| {
        let mut headers = vec![JSON];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let response = request(server.port, "POST", "/mcp", &headers, b"{}");
        assert_eq!(response.status, 401);
        response.json()["error"].as_str().unwrap().to_owned()
    };
    assert!(says(None).starts_with("send your personal token as: Authorization: Bearer <token>, or sign in"));
    assert!(says(Some("Bearer nobody-0123456789abcdef")).starts_with("the token that was sent is not valid here"));
    assert!(says(Some(ALICE)).starts_with("the Authorization header is not of the form"));
    let bearer = format!("Bearer {ALICE}");
    let ping = message(&json!(1), "ping", json!({}));
    let headers = [JSON, ("Authorization", bearer.as_str())];
    assert_eq!(request(server.port, "POST", "/mcp/", &headers, ping.to_string().as_bytes()).status, 200);
}

#[test]
fn a_refresh_token_that_is_used_twice_does_not_fork() {
    let server = server();
    let (access, first) = sign_in(&server, ALICE);
    let (one, two) = (tokens(&refresh(&server, &first)), tokens(&refresh(&server, &first)));
    assert_eq!(one, two, "the same tokens again, for a client that lost the answer");
    let _ = tokens(&refresh(&server, &one.1));
    denied("its successor has been used", &refresh(&server, &first), 400, "invalid_grant");
    assert_eq!([status(&server, &access), status(&server, &one.0)], [401, 401], "so somebody has a copy");
    let line = server.audit("the refresh", |line| line["event"] == "refreshed");
    assert_eq!(line["analyst"], "alice");
    assert_eq!(server.audit("its end", |line| line["event"] == "sign_in_voided")["analyst"], "alice");
}

#[test]
fn the_page_shows_the_whole_address_on_this_machine() {
    let server = server();
    let (vscode, local) = ("https://vscode.dev/oauth/client-metadata.json", "http://localhost:8000/some/other/program");
    let html = page(&server, &authorization(&[("client_id", vscode), ("redirect_uri", local)])).text();
    assert!(html.contains("localhost:8000/some/other/program</"), "whoever wrote the link chose the path: {html}");
}

/// Java's `HttpURLConnection` sends this header by default.
#[test]
fn a_program_gets_its_errors_in_json_whatever_it_accepts() {
    let server = server();
    let accept = ("Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2");
    let stale = form(&[("grant_type", "refresh_token"), ("client_id", CLAUDE), ("refresh_token", "refresh.AAAA.AAAA")]);
    for (path, kind, body, status, error) in [
        ("/token", FORM, stale.as_str(), 400, "invalid_grant"),
        ("/token", FORM, "client_id=unknown", 401, "invalid_client"),
        ("/register", JSON, "{}", 400, "invalid_redirect_uri"),
        ("/revoke", FORM, "", 400, "invalid_request"),
    ] {
        let response = request(server.port, "POST", path, &[accept, kind], body.as_bytes());
        assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
        denied(path, &response, status, error);
    }
}
