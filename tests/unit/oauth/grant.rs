use std::sync::Arc;

use super::*;
use crate::{
    oauth::{authorize, form},
    page::About,
};

const VERIFIER: &str = "a-verifier-of-the-least-length-that-is-allowed";
const CLIENT: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const REDIRECT: &str = "https://claude.ai/api/mcp/auth_callback";

struct Desk {
    tokens: Tokens,
    grants: Grants,
    sign_ins: SignIns,
}

impl Desk {
    fn new() -> Desk {
        let tokens = Tokens::parse("alice:0123456789abcdef,bob:fedcba9876543210").unwrap();
        Desk { tokens, grants: Grants::new("https://fleet.example".to_owned()), sign_ins: SignIns::new(Arc::default()) }
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
        let about = About { base: "https://fleet.example".to_owned(), contact: None, audit_kept: None };
        let request = authorize::AuthorizationRequest::read(query.trim_start_matches('?'), &about).unwrap();
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
        self.grants
            .redeem(&self.tokens, &Params::parse(form.as_bytes()).unwrap(), &self.sign_ins, now)
            .map_err(|denied| denied.error)
    }

    fn refresh(&self, token: &str, client: &str, now: i64) -> Result<Issued, &'static str> {
        self.refresh_for(token, client, "https://FLEET.example/mcp/", now)
    }

    fn refresh_for(&self, token: &str, client: &str, resource: &str, now: i64) -> Result<Issued, &'static str> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("refresh_token", token), ("client_id", client), ("resource", resource)])
            .finish();
        self.grants
            .refresh(&self.tokens, &Params::parse(form.as_bytes()).unwrap(), &self.sign_ins, now)
            .map_err(|denied| denied.error)
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

    assert_eq!(
        desk.refresh_for(&first.refresh, CLIENT, "https://fleet.example", 10).unwrap_err(),
        "invalid_target",
        "another of this server's addresses than the first time"
    );
    assert_ne!(first.refresh, desk.refresh(&first.refresh, CLIENT, 10).unwrap().refresh);

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
fn a_refresh_token_that_comes_back_ends_its_grant_unless_its_answer_was_lost() {
    let desk = Desk::new();
    let first = desk.redeem(&desk.code(0), &[], 1).unwrap();
    let second = desk.refresh(&first.refresh, CLIENT, 10).unwrap();
    let again = desk.refresh(&first.refresh, CLIENT, 10 + REPEAT_SECONDS).expect("the answer may have been lost");
    assert_eq!(
        (&again.access, &again.refresh),
        (&second.access, &second.refresh),
        "not a second chain: the same tokens"
    );
    assert_eq!(desk.refresh(&first.refresh, CLIENT, 11 + REPEAT_SECONDS).unwrap_err(), "invalid_grant");
    assert_eq!(desk.who(&second.access, 100), None, "somebody has a copy: the whole grant is void");
    assert_eq!(desk.refresh(&second.refresh, CLIENT, 100).unwrap_err(), "invalid_grant");

    // Whoever has used the answer has received it: then even a second is too late.
    let first = desk.redeem(&desk.code(0), &[], 1).unwrap();
    let second = desk.refresh(&first.refresh, CLIENT, 10).unwrap();
    let third = desk.refresh(&second.refresh, CLIENT, 11).unwrap();
    assert_eq!(desk.refresh(&first.refresh, CLIENT, 12).unwrap_err(), "invalid_grant");
    assert_eq!(desk.refresh(&third.refresh, CLIENT, 13).unwrap_err(), "invalid_grant");
    assert_eq!(desk.who(&third.access, 13), None);

    // A copy of the server that has not seen the grant before takes it from where it is.
    let third = desk.redeem(&desk.code(0), &[], 1).unwrap();
    let fourth = desk.refresh(&third.refresh, CLIENT, 10).unwrap();
    let copy = Desk::new();
    let fifth = copy.refresh(&fourth.refresh, CLIENT, 20).unwrap();
    assert!(desk.who(&fifth.access, 21).is_some());
    assert_eq!(copy.refresh(&third.refresh, CLIENT, 22).unwrap_err(), "invalid_grant", "and knows an older one");
}

/// What the holder of a personal token can seal with it.
fn forged(who: &Credential, purpose: Purpose, grant: &str, exp: i64) -> String {
    let (aud, client) = ("https://fleet.example".to_owned(), digest(CLIENT));
    let resources = vec!["https://fleet.example/mcp".to_owned()];
    seal(who, purpose, &Token { exp, aud, grant: grant.to_owned(), generation: 1, client, resources }).unwrap()
}

#[test]
fn one_analyst_can_make_only_their_own_memory_full_and_end_only_their_own_grants() {
    let desk = Desk::new();
    let bob = desk.tokens.credential("fedcba9876543210").unwrap();
    let code = desk.code(1_000);
    let issued = desk.redeem(&code, &[], 1_001).unwrap();
    let gone = desk.redeem(&desk.code(1_000), &[], 1_001).unwrap();
    assert!(desk.grants.revoke(&desk.tokens, &gone.access, 1_002).is_some());

    let far = 1_000 + REFRESH_SECONDS;
    for n in 0..MAX_GRANTS * 3 {
        let grant = format!("{n:022}");
        if n % 2 == 0 {
            desk.refresh(&forged(bob, Purpose::REFRESH, &grant, far), CLIENT, 1_003).unwrap();
        } else {
            assert!(desk.grants.revoke(&desk.tokens, &forged(bob, Purpose::ACCESS, &grant, 2_000), 1_003).is_some());
        }
    }
    let sizes: HashMap<String, usize> =
        desk.grants.lock().iter().map(|(who, own)| (who.name().to_owned(), own.len())).collect();
    assert_eq!(sizes, HashMap::from([("alice".to_owned(), 2), ("bob".to_owned(), MAX_GRANTS)]));
    assert_eq!(desk.who(&gone.access, 1_004), None, "what alice revoked stays revoked");
    assert_eq!(desk.redeem(&code, &[], 1_004).unwrap_err(), "invalid_grant", "what alice has used stays used");
    assert_eq!(desk.who(&issued.access, 1_005), None);

    // Bob knows the id of one of alice's grants.
    let hers = desk.redeem(&desk.code(1_000), &[], 1_006).unwrap();
    let (_, Token { grant, .. }) = open(&desk.tokens, Purpose::ACCESS, &hers.access).unwrap();
    assert!(desk.grants.revoke(&desk.tokens, &forged(bob, Purpose::REFRESH, &grant, far), 1_007).is_some());
    assert_eq!(desk.who(&hers.access, 1_008).as_deref(), Some("alice"));
}

#[test]
fn a_token_that_this_server_would_not_have_made_is_refused() {
    let desk = Desk::new();
    let bob = desk.tokens.credential("fedcba9876543210").unwrap();
    let id = "0".repeat(ID_CHARS);
    let now = 1_000;
    assert!(desk.who(&forged(bob, Purpose::ACCESS, &id, now + ACCESS_SECONDS + SKEW_SECONDS), now).is_some());
    for exp in [now, now + ACCESS_SECONDS + SKEW_SECONDS + 1, 1 << 62, i64::MAX, i64::MIN] {
        assert_eq!(desk.who(&forged(bob, Purpose::ACCESS, &id, exp), now), None, "{exp}");
    }
    for exp in [now + REFRESH_SECONDS + SKEW_SECONDS + 1, 1 << 62] {
        let token = forged(bob, Purpose::REFRESH, &id, exp);
        assert_eq!(desk.refresh(&token, CLIENT, now).unwrap_err(), "invalid_grant");
        assert!(desk.grants.revoke(&desk.tokens, &token, now).is_none());
    }
    assert_eq!(desk.who(&forged(bob, Purpose::ACCESS, &"x".repeat(900), now + 1), now), None, "a long id");
    assert!(desk.grants.lock().is_empty(), "nothing is remembered of what is refused");
}
