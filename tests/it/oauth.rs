//! Signing in: the whole flow as a client and a browser do it, byte by byte, and every way to cheat in it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use crate::support::{
    client::{Answer, Mcp, Response, message, request},
    server::{ALICE, BOB, Server},
};

pub(crate) const PUBLIC: &str = "https://fleet.example.com";
pub(crate) const CLAUDE: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
pub(crate) const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
pub(crate) const VERIFIER: &str = "a verifier would be random; this one only has to be long";
pub(crate) const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

pub(crate) fn server() -> Server {
    Server::start(&[("MCP_PUBLIC_URL", PUBLIC)])
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn challenge() -> String {
    BASE64URL.encode(Sha256::digest(VERIFIER))
}

/// The parameters of an authorization request by Claude, with some of them changed; an empty value leaves one out.
pub(crate) fn authorization(changes: &[(&str, &str)]) -> String {
    let challenge = challenge();
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", CLAUDE),
        ("redirect_uri", CALLBACK),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", "a state & more"),
        ("scope", "analytics:read offline_access"),
        ("resource", "https://fleet.example.com/mcp"),
    ];
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    form(&pairs)
}

pub(crate) fn page(server: &Server, query: &str) -> Response {
    request(server.port, "GET", &format!("/authorize?{query}"), &[("Accept", "text/html")], b"")
}

/// Sends the sign-in page's form, as a browser does.
pub(crate) fn submit(server: &Server, query: &str, token: &str, headers: &[(&str, &str)]) -> Response {
    let body = form(&[("request", query), ("token", token), ("action", "allow")]);
    let mut all = vec![FORM, ("Origin", PUBLIC), ("Sec-Fetch-Site", "same-origin")];
    for header in headers {
        all.retain(|(known, _)| known != &header.0);
        all.push(*header);
    }
    request(server.port, "POST", "/authorize", &all, body.as_bytes())
}

/// The parameters of the address to which a response sends the browser.
#[track_caller]
pub(crate) fn sent_back(response: &Response) -> Vec<(String, String)> {
    assert_eq!(response.status, 303, "{}", response.text());
    let (to, query) = response.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(to, CALLBACK);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(crate) fn value(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// A fresh code, made for Claude.
#[track_caller]
pub(crate) fn code(server: &Server, token: &str) -> String {
    let back = sent_back(&submit(server, &authorization(&[]), token, &[]));
    assert_eq!((value(&back, "state").as_str(), value(&back, "iss").as_str()), ("a state & more", PUBLIC));
    value(&back, "code")
}

/// A request to the token endpoint with a code, with some parameters changed.
pub(crate) fn redeem(server: &Server, code: &str, changes: &[(&str, &str)]) -> Response {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", CLAUDE),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("resource", "https://fleet.example.com/mcp"),
    ];
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    request(server.port, "POST", "/token", &[FORM], form(&pairs).as_bytes())
}

pub(crate) fn refresh(server: &Server, token: &str) -> Response {
    let body = form(&[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLAUDE)]);
    request(server.port, "POST", "/token", &[FORM], body.as_bytes())
}

/// Access and refresh token of a sign-in.
#[track_caller]
pub(crate) fn sign_in(server: &Server, token: &str) -> (String, String) {
    tokens(&redeem(server, &code(server, token), &[]))
}

#[track_caller]
pub(crate) fn tokens(response: &Response) -> (String, String) {
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")), "{}", response.text());
    let body = response.json();
    assert_eq!((&body["token_type"], &body["scope"]), (&json!("Bearer"), &json!("analytics:read")));
    assert!(body["expires_in"].as_i64().unwrap() >= 24 * 3_600);
    (body["access_token"].as_str().unwrap().to_owned(), body["refresh_token"].as_str().unwrap().to_owned())
}

/// The status of a call with this bearer token.
pub(crate) fn status(server: &Server, token: &str) -> u16 {
    Mcp::new(server.port, token).post(&[], &message(&json!(1), "ping", json!({}))).status
}

#[track_caller]
pub(crate) fn denied(what: &str, response: &Response, status: u16, error: &str) {
    assert_eq!(response.status, status, "{what}: {}", response.text());
    let body = response.json();
    assert_eq!(body["error"], error, "{what}: {body}");
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {body}");
}

#[test]
fn without_a_public_address_there_is_no_sign_in() {
    let server = Server::start(&[]);
    for (method, path) in [
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/authorize"),
        ("POST", "/token"),
        ("POST", "/register"),
        ("POST", "/revoke"),
    ] {
        assert_eq!(request(server.port, method, path, &[], b"").status, 404, "{path}");
    }
    let response = request(server.port, "POST", "/mcp", &[], b"");
    assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
}

#[test]
fn a_client_finds_the_way_from_a_401_to_every_endpoint() {
    let server = server();
    for (path, document, resource) in [
        ("/mcp", "/.well-known/oauth-protected-resource/mcp", "https://fleet.example.com/mcp"),
        ("/mcp/", "/.well-known/oauth-protected-resource/mcp", "https://fleet.example.com/mcp"),
        ("/", "/.well-known/oauth-protected-resource", PUBLIC),
    ] {
        let refused = request(server.port, "POST", path, &[JSON], b"{}");
        let challenge = format!("Bearer resource_metadata=\"{PUBLIC}{document}\", scope=\"analytics:read\"");
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(challenge.as_str())));
        let metadata = request(server.port, "GET", document, &[], b"");
        assert_eq!((metadata.status, metadata.header("content-type")), (200, Some("application/json")));
        let metadata = metadata.json();
        assert_eq!((&metadata["resource"], &metadata["authorization_servers"]), (&json!(resource), &json!([PUBLIC])));
    }
    let wrong = request(server.port, "POST", "/mcp", &[("Authorization", "Bearer nobody-0123456789"), JSON], b"{}");
    assert!(
        wrong.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\", resource_metadata=")
    );

    let metrics = request(server.port, "GET", "/metrics", &[], b"");
    assert_eq!(metrics.header("www-authenticate"), Some("Bearer"), "no document describes this path");

    let found = request(server.port, "GET", "/.well-known/oauth-authorization-server", &[], b"").json();
    assert_eq!(found["issuer"], PUBLIC, "to the letter");
    for (name, at) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("registration_endpoint", "/register"),
        ("revocation_endpoint", "/revoke"),
    ] {
        assert_eq!(found[name], format!("{PUBLIC}{at}"));
    }
    assert_eq!(found["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(found["client_id_metadata_document_supported"], true);
    assert_eq!(found["token_endpoint_auth_methods_supported"], json!(["none"]));
    assert_eq!(found["authorization_response_iss_parameter_supported"], true);
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/other",
        // RFC 8414 section 3.3: it would describe the issuer …/mcp, which there is not.
        "/.well-known/oauth-authorization-server/mcp",
    ] {
        let response = request(server.port, "GET", path, &[], b"");
        assert_eq!((response.status, response.header("content-type")), (404, Some("application/json")), "{path}");
    }
    for (method, path, allow) in
        [("GET", "/token", "POST"), ("GET", "/register", "POST"), ("DELETE", "/authorize", "GET, HEAD, POST")]
    {
        let response = request(server.port, method, path, &[], b"");
        assert_eq!((response.status, response.header("allow")), (405, Some(allow)), "{path}");
    }
}

#[test]
fn a_sign_in_gives_tokens_that_work_are_renewed_and_can_be_given_up() {
    let server = server();
    let html = page(&server, &authorization(&[]));
    assert_eq!((html.status, html.header("x-frame-options")), (200, Some("DENY")));
    let policy = html.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("form-action"), "{policy}");
    assert!(html.text().contains("Claude") && html.text().contains("claude.ai"));

    let (access, renewal) = sign_in(&server, ALICE);
    let client = Mcp::new(server.port, &access);
    assert_eq!(client.query("SELECT 1 AS n").rows(), [json!({ "n": 1 })]);
    let line = server.audit("the call", |line| line["event"] == "call");
    assert_eq!(line["analyst"], "alice", "a sign-in is the analyst");
    let line = server.audit("the sign-in", |line| line["event"] == "signed_in");
    assert_eq!(
        (&line["analyst"], &line["client"], &line["destination"]),
        (&json!("alice"), &json!("Claude"), &json!("claude.ai"))
    );

    let (newer, newer_renewal) = tokens(&refresh(&server, &renewal));
    assert!(newer != access && newer_renewal != renewal);
    assert_eq!((status(&server, &newer), status(&server, &access)), (200, 200));

    let revoke = |token: &str| request(server.port, "POST", "/revoke", &[FORM], form(&[("token", token)]).as_bytes());
    assert_eq!(revoke("access.never.seen").status, 200, "nothing to learn from it");
    assert_eq!(status(&server, &newer), 200);
    assert_eq!(revoke(&newer_renewal).status, 200);
    assert_eq!((status(&server, &newer), status(&server, &access)), (401, 401), "the whole sign-in is over");
    denied("a revoked one", &refresh(&server, &newer_renewal), 400, "invalid_grant");
    assert_eq!(status(&server, ALICE), 200, "the personal token is not touched");
}

#[test]
fn copies_of_the_server_agree_and_the_end_of_a_personal_token_is_the_end_of_all_that_came_of_it() {
    let (one, two) = (server(), server());
    let (access, renewal) = tokens(&redeem(&two, &code(&one, BOB), &[]));
    assert_eq!((status(&one, &access), status(&two, &access)), (200, 200));
    let _ = tokens(&refresh(&one, &renewal));

    let rotated = format!("alice:{ALICE},bob:another-token-of-bobs");
    let after = Server::start(&[("MCP_PUBLIC_URL", PUBLIC), ("MCP_AUTH_TOKENS", &rotated)]);
    assert_eq!(status(&after, &access), 401);
    denied("the old renewal", &refresh(&after, &renewal), 400, "invalid_grant");
    let elsewhere = Server::start(&[("MCP_PUBLIC_URL", "https://staging.example.com")]);
    assert_eq!(status(&elsewhere, &access), 401, "made for another address");
}

#[test]
fn a_request_that_names_no_known_client_or_destination_is_sent_nowhere() {
    let server = server();
    let doubled = format!("{}&client_id={CLAUDE}", authorization(&[]));
    let oversized = authorization(&[("scope", &"x".repeat(7_000))]);
    for query in [
        "",
        &*authorization(&[("client_id", "")]),
        &authorization(&[("client_id", "https://evil.example/client")]),
        &authorization(&[
            ("client_id", "https://evil.example/client"),
            ("redirect_uri", "https://evil.example/callback"),
        ]),
        &authorization(&[("client_id", "registered.e30")]),
        &authorization(&[("redirect_uri", "")]),
        &authorization(&[("redirect_uri", "https://evil.example/")]),
        &authorization(&[("redirect_uri", "https://claude.ai/api/mcp/auth_callback/")]),
        &authorization(&[("redirect_uri", "https://claude.ai@evil.example/api/mcp/auth_callback")]),
        &authorization(&[("redirect_uri", "http://localhost/callback")]),
        &doubled,
        &oversized,
    ] {
        for response in [page(&server, query), submit(&server, query, ALICE, &[])] {
            assert_eq!((response.status, response.header("location")), (400, None), "{query}");
            assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
            assert!(!response.text().contains("evil.example"), "nothing of it is repeated");
        }
    }
}

#[test]
fn what_else_is_wrong_with_a_request_is_told_to_the_client() {
    let server = server();
    for (changes, error) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("response_type", "")], "unsupported_response_type"),
        ([("code_challenge", "")], "invalid_request"),
        ([("response_mode", "fragment")], "invalid_request"),
        ([("code_challenge", "too-short")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
        ([("resource", "https://other.example/mcp")], "invalid_target"),
        ([("resource", "https://fleet.example.com/other")], "invalid_target"),
    ] {
        for response in [page(&server, &authorization(&changes)), submit(&server, &authorization(&changes), ALICE, &[])]
        {
            let back = sent_back(&response);
            assert_eq!((value(&back, "error").as_str(), value(&back, "iss").as_str()), (error, PUBLIC), "{changes:?}");
            assert_eq!((value(&back, "state").as_str(), value(&back, "code").as_str()), ("a state & more", ""));
        }
    }
    let cancelled = form(&[("request", &authorization(&[])), ("token", ALICE), ("action", "deny")]);
    let response = request(server.port, "POST", "/authorize", &[FORM, ("Origin", PUBLIC)], cancelled.as_bytes());
    assert_eq!(value(&sent_back(&response), "error"), "access_denied");
}

#[test]
fn a_form_from_elsewhere_signs_nobody_in() {
    let server = server();
    for headers in [
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "https://evil.example")],
        [("Origin", "http://localhost:3000")],
        [("Content-Type", "text/plain")],
    ] {
        let response = submit(&server, &authorization(&[]), ALICE, &headers);
        assert_eq!((response.status, response.header("location")), (403, None), "{headers:?}");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"), "{headers:?}");
    }
    let twice =
        format!("{}&token={BOB}", form(&[("request", &authorization(&[])), ("token", ALICE), ("action", "allow")]));
    let response = request(server.port, "POST", "/authorize", &[FORM], twice.as_bytes());
    assert_eq!((response.status, response.header("location")), (400, None));
    let long = form(&[("request", &"x".repeat(24 << 10))]);
    let response = request(server.port, "POST", "/authorize", &[FORM], long.as_bytes());
    assert!(response.status == 400 && response.text().contains("form-unreadable"), "{}", response.text());
}

#[test]
fn a_code_is_good_once_and_for_nothing_but_its_own_request() {
    let server = server();
    let fresh = code(&server, ALICE);
    for (name, value, status, error) in [
        ("client_id", "https://claude.ai/oauth/claude-code-client-metadata", 400, "invalid_grant"),
        ("client_id", "https://evil.example/", 401, "invalid_client"),
        ("client_id", "", 401, "invalid_client"),
        ("redirect_uri", "https://claude.com/api/mcp/auth_callback", 400, "invalid_grant"),
        ("redirect_uri", "", 400, "invalid_request"),
        ("code_verifier", "another verifier, which is long enough but is not that one", 400, "invalid_grant"),
        ("code_verifier", &challenge(), 400, "invalid_grant"),
        ("code_verifier", "", 400, "invalid_request"),
        ("resource", "https://fleet.example.com", 400, "invalid_target"),
        ("resource", "https://other.example/mcp", 400, "invalid_target"),
        ("grant_type", "client_credentials", 400, "unsupported_grant_type"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
        ("grant_type", "", 400, "invalid_request"),
        ("code", "", 400, "invalid_request"),
        ("code", &fresh.replace("code.", "access."), 400, "invalid_grant"),
        ("code", &format!("{fresh}A"), 400, "invalid_grant"),
    ] {
        denied(&format!("{name}={value}"), &redeem(&server, &fresh, &[(name, value)]), status, error);
    }
    let (access, renewal) = tokens(&redeem(&server, &fresh, &[]));
    assert_eq!(status(&server, &access), 200);
    denied("a replay", &redeem(&server, &fresh, &[]), 400, "invalid_grant");
    assert_eq!(status(&server, &access), 401, "what came of a replayed code is void");
    denied("its renewal", &refresh(&server, &renewal), 400, "invalid_grant");
}

#[test]
fn the_token_endpoint_reads_a_request_in_one_way_or_not_at_all() {
    let server = server();
    let post = |headers: &[(&str, &str)], body: &str| request(server.port, "POST", "/token", headers, body.as_bytes());
    let body = form(&[("grant_type", "refresh_token"), ("client_id", CLAUDE), ("refresh_token", "refresh.e30.AAAA")]);
    denied("JSON", &post(&[JSON], "{}"), 400, "invalid_request");
    denied("twice", &post(&[FORM], &format!("{body}&client_id={CLAUDE}")), 400, "invalid_request");
    denied(
        "many",
        &post(&[FORM], &format!("{body}{}", (0..40).map(|n| format!("&p{n}=1")).collect::<String>())),
        400,
        "invalid_request",
    );
    denied("forged", &post(&[FORM], &body), 400, "invalid_grant");
    denied("a query", &request(server.port, "POST", &format!("/token?{body}"), &[FORM], b""), 401, "invalid_client");
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{CLAUDE}:")));
    denied("Basic", &post(&[FORM, ("Authorization", &basic)], "grant_type=refresh_token"), 401, "invalid_client");
    assert_eq!(post(&[FORM], &"x".repeat((16 << 10) + 1)).status, 413);
}

#[test]
fn only_an_unaltered_access_token_of_this_server_is_a_bearer_token() {
    let server = server();
    let fresh = code(&server, ALICE);
    let (access, renewal) = tokens(&redeem(&server, &fresh, &[]));
    let (bobs, _) = sign_in(&server, BOB);
    let parts: Vec<&str> = access.split('.').collect();
    let payload: Value = serde_json::from_slice(&BASE64URL.decode(parts[1]).unwrap()).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = payload.clone();
        change(&mut changed);
        format!("access.{}.{}", BASE64URL.encode(changed.to_string()), parts[2])
    };
    let none = BASE64URL.encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
    for (what, token) in [
        ("a code", fresh),
        ("a refresh token", renewal.clone()),
        ("a refresh token by another name", renewal.replace("refresh.", "access.")),
        ("a longer life", with(&|payload| payload["exp"] = json!(99_999_999_999_i64))),
        ("another address", with(&|payload| payload["aud"] = json!("https://other.example"))),
        ("bob's MAC", format!("access.{}.{}", parts[1], bobs.rsplit('.').next().unwrap())),
        ("no MAC", format!("access.{}.", parts[1])),
        ("half a MAC", access[..access.len() - 20].to_owned()),
        ("a MAC of nulls", format!("access.{}.{}", parts[1], BASE64URL.encode([0; 32]))),
        ("a JWT without algorithm", format!("{none}.{}.", parts[1])),
        ("a JWT with an algorithm", format!("{none}.{}.{}", parts[1], parts[2])),
        ("padding", format!("{access}=")),
        ("oversized", format!("{access}{}", "A".repeat(8_000))),
    ] {
        let response = Mcp::new(server.port, &token).post(&[], &message(&json!(1), "ping", json!({})));
        assert_eq!(response.status, 401, "{what}");
        assert!(response.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{what}");
    }
    assert_eq!((status(&server, &access), status(&server, &bobs)), (200, 200));
}

#[test]
fn clients_register_for_claude_and_for_this_machine_only() {
    let server = server();
    let register =
        |metadata: &Value| request(server.port, "POST", "/register", &[JSON], metadata.to_string().as_bytes());
    // What claude.ai sends.
    let claude = json!({
        "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "client_name": "Claude"
    });
    let response = register(&claude);
    assert_eq!((response.status, response.header("cache-control")), (201, Some("no-store")));
    let registered = response.json();
    assert_eq!((&registered["redirect_uris"], &registered["client_name"]), (&json!([CALLBACK]), &json!("Claude")));
    assert_eq!((&registered["token_endpoint_auth_method"], registered.get("client_secret")), (&json!("none"), None));
    assert!(registered.as_object().unwrap().values().all(|value| !value.is_null()));
    assert_eq!(register(&claude).json()["client_id"], registered["client_id"], "twice is as good as once");

    let id = registered["client_id"].as_str().unwrap();
    let html = page(&server, &authorization(&[("client_id", id)])).text();
    assert!(html.contains("claude.ai") && !html.contains("Unverified"), "whatever its id: the answer reaches Claude");
    let back = sent_back(&submit(&server, &authorization(&[("client_id", id)]), ALICE, &[]));
    let (access, _) = tokens(&redeem(&server, &value(&back, "code"), &[("client_id", id)]));
    assert!(
        !Answer::of(&Mcp::new(server.port, &access).legacy("tools/call", json!({ "name": "list_schemas" }))).is_error
    );

    let mut hostile = claude.clone();
    hostile["client_name"] = json!("<script>alert(1)</script>\u{202e}\" onload=\"x");
    hostile["redirect_uris"] = json!(["http://localhost/callback"]);
    let id = register(&hostile).json()["client_id"].as_str().unwrap().to_owned();
    let html =
        page(&server, &authorization(&[("client_id", &id), ("redirect_uri", "http://localhost/callback")])).text();
    assert!(
        html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x") && !html.contains("<script>alert"),
        "{html}"
    );

    for uri in ["https://evil.example/", "http://192.0.2.1/callback", "cursor://callback", "https://localhost/callback"]
    {
        let mut other = claude.clone();
        other["redirect_uris"] = json!([CALLBACK, uri]);
        assert_eq!(register(&other).json()["redirect_uris"], json!([CALLBACK]), "{uri} is left out");
        other["redirect_uris"] = json!([uri]);
        denied(uri, &register(&other), 400, "invalid_redirect_uri");
    }
    denied("no addresses", &register(&json!({ "client_name": "x" })), 400, "invalid_redirect_uri");
    denied("a list", &register(&json!([])), 400, "invalid_client_metadata");
    let response = request(server.port, "POST", "/register", &[FORM], b"{}");
    denied("a form", &response, 400, "invalid_client_metadata");
}

#[test]
fn no_token_and_no_code_is_ever_written_down() {
    let server = server();
    let fresh = code(&server, ALICE);
    let (access, renewal) = tokens(&redeem(&server, &fresh, &[]));
    denied("a replay", &redeem(&server, &fresh, &[]), 400, "invalid_grant");
    let _ = status(&server, &access);
    let _ = refresh(&server, &renewal);
    let _ = submit(&server, &authorization(&[]), "a-mistyped-token-0123", &[]);
    let _ = request(server.port, "POST", "/revoke", &[FORM], form(&[("token", &renewal)]).as_bytes());
    server.audit("the refusal", |line| line["event"] == "sign_in_refused");
    let told = format!("{}{}", server.stdout(), server.stderr());
    for secret in [&*fresh, &access, &renewal, ALICE, "a-mistyped-token-0123", VERIFIER] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    assert!(told.contains("sign_in_voided"), "the replay is recorded: {told}");
}

#[test]
fn a_browser_that_opens_the_address_is_told_how_to_connect() {
    let html = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let server = server();
    let response = request(server.port, "GET", "/", &html, b"");
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(response.text().contains("https://fleet.example.com/mcp") && !response.text().contains("{{"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");

    let plain = Server::start(&[]);
    let host = format!("127.0.0.1:{}", plain.port);
    let response = request(plain.port, "GET", "/", &[html[0], ("Host", &host)], b"");
    assert!(response.text().contains(&format!("http://{host}/mcp")), "{}", response.text());
    let rebound = request(plain.port, "GET", "/", &[html[0], ("Host", "evil.example")], b"");
    assert_eq!(rebound.status, 403);
}
