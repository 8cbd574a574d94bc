use super::*;
use crate::oauth::{authorize, form};

const VERIFIER: &str = "a-verifier-of-the-least-length-that-is-allowed";
const CLIENT: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const REDIRECT: &str = "https://claude.ai/api/mcp/auth_callback";

struct Desk {
    tokens: Tokens,
    grants: Grants,
}

impl Desk {
    fn new() -> Desk {
        let tokens = Tokens::parse("alice:0123456789abcdef,bob:fedcba9876543210").unwrap();
        Desk { tokens, grants: Grants::new("https://fleet.example".to_owned()) }
    }

    fn code(&self, now: i64) -> String {
        let query = form::extend(
            "",
            &[
                ("response_type", Some("code")),
                ("client_id", Some(CLIENT)),
                ("redirect_uri", Some(REDIRECT)),
                ("code_challenge", Some(&digest(VERIFIER))),
                ("code_challenge_method", Some("S256")),
                ("resource", Some("https://fleet.example/mcp")),
            ],
        );
        let request =
            authorize::AuthorizationRequest::read(query.trim_start_matches('?'), "https://fleet.example").unwrap();
        self.grants.code(self.tokens.credential("0123456789abcdef").unwrap(), &request, now).unwrap()
    }

    fn redeem(&self, code: &str, changes: &[(&str, &str)], now: i64) -> Result<Issued, &'static str> {
        let mut params = vec![
            ("code", code),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", "https://fleet.example/mcp"),
        ];
        for (name, value) in changes {
            params.retain(|(known, _)| known != name);
            params.push((name, value));
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        self.grants.redeem(&self.tokens, &Params::parse(form.as_bytes()).unwrap(), now).map_err(|denied| denied.error)
    }

    fn refresh(&self, token: &str, client: &str, now: i64) -> Result<Issued, &'static str> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("refresh_token", token), ("client_id", client)])
            .finish();
        self.grants.refresh(&self.tokens, &Params::parse(form.as_bytes()).unwrap(), now).map_err(|denied| denied.error)
    }

    fn who(&self, access: &str, now: i64) -> Option<String> {
        self.grants.analyst(&self.tokens, access, now).map(|analyst| analyst.name().to_owned())
    }
}

#[test]
fn a_code_is_good_for_a_minute_and_for_what_it_was_made_for() {
    let desk = Desk::new();
    let code = desk.code(1_000);
    for (name, value, error) in [
        ("client_id", "https://claude.ai/oauth/claude-code-client-metadata", "invalid_grant"),
        ("redirect_uri", "https://claude.com/api/mcp/auth_callback", "invalid_grant"),
        ("code_verifier", "another-verifier-of-the-least-length-that-is-ok", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("resource", "https://other.example/mcp", "invalid_target"),
        ("resource", "https://fleet.example", "invalid_target"),
    ] {
        assert_eq!(desk.redeem(&code, &[(name, value)], 1_010).unwrap_err(), error, "{name}");
    }
    assert_eq!(desk.redeem(&code, &[], 1_060).unwrap_err(), "invalid_grant", "a minute later");
    let issued = desk.redeem(&code, &[("resource", "")], 1_059).unwrap();
    assert_eq!(desk.who(&issued.access, 1_060).as_deref(), Some("alice"));
    // A code is no token, and no token is a code.
    assert_eq!(desk.who(&code, 1_010), None);
    assert_eq!(desk.who(&issued.refresh, 1_060), None);
    assert_eq!(desk.redeem(&issued.access, &[], 1_060).unwrap_err(), "invalid_grant");
}

#[test]
fn a_code_that_comes_twice_ends_what_came_of_it() {
    let desk = Desk::new();
    let code = desk.code(1_000);
    let issued = desk.redeem(&code, &[], 1_001).unwrap();
    let other = desk.redeem(&desk.code(1_000), &[], 1_001).unwrap();
    assert_eq!(desk.redeem(&code, &[], 1_002).unwrap_err(), "invalid_grant");
    assert_eq!(desk.who(&issued.access, 1_003), None);
    assert_eq!(desk.refresh(&issued.refresh, CLIENT, 1_003).unwrap_err(), "invalid_grant");
    assert_eq!(desk.who(&other.access, 1_003).as_deref(), Some("alice"), "another sign-in goes on");
}

#[test]
fn tokens_expire_are_replaced_and_can_be_revoked() {
    let desk = Desk::new();
    let first = desk.redeem(&desk.code(0), &[], 1).unwrap();
    assert!(desk.who(&first.access, ACCESS_SECONDS).is_some() && desk.who(&first.access, ACCESS_SECONDS + 1).is_none());
    assert_eq!(desk.refresh(&first.refresh, "https://other.example/c", 10).unwrap_err(), "invalid_grant");
    assert_eq!(desk.refresh(&first.refresh, CLIENT, REFRESH_SECONDS + 1).unwrap_err(), "invalid_grant");

    let second = desk.refresh(&first.refresh, CLIENT, 10).unwrap();
    assert_ne!(first.refresh, second.refresh);
    desk.refresh(&first.refresh, CLIENT, 10 + REFRESH_GRACE_SECONDS).expect("the answer may have been lost");
    assert_eq!(desk.refresh(&first.refresh, CLIENT, 11 + REFRESH_GRACE_SECONDS).unwrap_err(), "invalid_grant");
    assert_eq!(desk.who(&second.access, 700), None, "somebody has a copy: the whole grant is void");

    let third = desk.redeem(&desk.code(0), &[], 1).unwrap();
    assert!(desk.grants.revoke(&desk.tokens, &third.access, 2).is_some());
    assert_eq!(desk.who(&third.access, 3), None);
    assert_eq!(desk.refresh(&third.refresh, CLIENT, 3).unwrap_err(), "invalid_grant");
    assert!(desk.grants.revoke(&desk.tokens, "access.AAAA.AAAA", 2).is_none());
}

#[test]
fn tokens_end_with_the_personal_token_and_hold_in_every_copy_for_the_same_address() {
    let desk = Desk::new();
    let issued = desk.redeem(&desk.code(0), &[], 1).unwrap();
    let copy = Desk::new();
    assert_eq!(copy.who(&issued.access, 2).as_deref(), Some("alice"), "another copy of the server");
    let other = Grants::new("https://staging.example".to_owned());
    assert!(other.analyst(&desk.tokens, &issued.access, 2).is_none(), "another address with the same personal tokens");
    let without = Tokens::parse("bob:fedcba9876543210").unwrap();
    assert!(desk.grants.analyst(&without, &issued.access, 2).is_none(), "taken off the list");
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut marks = Marks::default();
    for n in 0..MAX_MARKS + 10 {
        marks.mark(&n.to_string(), i64::try_from(n).unwrap() + 100, 50);
    }
    assert!(marks.0.len() <= MAX_MARKS);
    assert!(marks.has(&(MAX_MARKS + 9).to_string()) && !marks.has("0"));
}
