use super::*;

fn head(headers: &[(&str, &str)]) -> Head {
    Head::for_test("POST", "/mcp", headers)
}

#[test]
fn a_token_names_its_analyst_and_nothing_else_does() {
    let tokens = Tokens::parse("alice:0123456789abcdef, bob:fedcba9876543210\nalice:aaaabbbbccccdddd").unwrap();
    let who = |value: &str| {
        let head = head(&[("authorization", value)]);
        bearer(&head).and_then(|token| tokens.credential(token)).map(|credential| credential.analyst.0.clone())
    };
    assert_eq!(who("Bearer 0123456789abcdef"), Some("alice".to_owned()));
    assert_eq!(who("bearer fedcba9876543210"), Some("bob".to_owned()));
    assert_eq!(who("Bearer aaaabbbbccccdddd"), Some("alice".to_owned()));
    for wrong in [
        "Bearer ",
        "Bearer 0123456789abcde",
        "Bearer 0123456789abcdef0",
        "Basic 0123456789abcdef",
        "0123456789abcdef",
        "Bearer alice:0123456789abcdef",
    ] {
        assert_eq!(who(wrong), None, "{wrong}");
    }
    assert_eq!(bearer(&head(&[])), None);
}

#[test]
fn nothing_on_a_line_that_is_left_out_counts() {
    let text = "#alice:0123456789abcdef,bob:fedcba9876543210\n  # carol:cccccccccccccccc, dave:dddddddddddddddd\r\nerin : eeeeeeeeeeeeeeee";
    let tokens = Tokens::parse(text).unwrap();
    assert_eq!(tokens.count(), 1);
    assert_eq!(tokens.credential("eeeeeeeeeeeeeeee").unwrap().analyst.name(), "erin");
}

#[test]
fn a_sealed_text_is_good_for_its_purpose_and_as_long_as_its_token_is_on_the_list() {
    let tokens = Tokens::parse("alice:0123456789abcdef,bob:fedcba9876543210").unwrap();
    let sealed = tokens.credential("0123456789abcdef").unwrap().seal(Purpose::ACCESS, b"payload");
    let (credential, payload) = tokens.open(Purpose::ACCESS, &sealed).unwrap();
    assert_eq!((credential.analyst.name(), payload.as_slice()), ("alice", b"payload".as_slice()));
    let elsewhere = Tokens::parse("carol:cccccccccccccccc,alice:0123456789abcdef").unwrap();
    assert!(elsewhere.open(Purpose::ACCESS, &sealed).is_some(), "another copy, another order");
    let rotated = Tokens::parse("alice:0123456789abcdeF,bob:fedcba9876543210").unwrap();
    assert!(rotated.open(Purpose::ACCESS, &sealed).is_none(), "the token was replaced");

    assert!(tokens.open(Purpose::REFRESH, &sealed).is_none(), "another purpose");
    assert!(tokens.open(Purpose::REFRESH, &sealed.replace("access.", "refresh.")).is_none());
    for at in 0..sealed.len() {
        for other in ["A", "B", ".", "=", "-"] {
            let mut altered = sealed.clone();
            altered.replace_range(at..=at, other);
            assert!(altered == sealed || tokens.open(Purpose::ACCESS, &altered).is_none(), "{altered}");
        }
    }
    for wrong in ["", ".", "access", "access.", "access..", "access.cGF5bG9hZA.", "none.cGF5bG9hZA.AAAA"] {
        assert!(tokens.open(Purpose::ACCESS, wrong).is_none(), "{wrong}");
    }
    let (signed, mac) = sealed.rsplit_once('.').unwrap();
    assert!(tokens.open(Purpose::ACCESS, &format!("{signed}.{}", &mac[..22])).is_none(), "half a MAC");
    assert!(tokens.open(Purpose::ACCESS, &format!("{signed}.{mac}{}", "A".repeat(4_000))).is_none());
}

#[test]
fn a_key_is_derived_slowly_and_for_each_analyst() {
    // By another implementation: PBKDF2-HMAC-SHA-256, 200,000 iterations, with the analyst's name in the salt.
    let expected = "access.cGF5bG9hZA.9Y8ORAhy3dsM3Wk65FXW61pxoa0drtnbKUxjlL6NE3M";
    let alices = Tokens::parse("alice:0123456789abcdef").unwrap();
    assert_eq!(alices.credential("0123456789abcdef").unwrap().seal(Purpose::ACCESS, b"payload"), expected);
    let bobs = Tokens::parse("bob:0123456789abcdef").unwrap();
    assert!(bobs.open(Purpose::ACCESS, expected).is_none());
}

#[test]
fn reading_the_list_again_keeps_what_stays_and_nothing_else() {
    let before = Tokens::parse("alice:0123456789abcdef,bob:fedcba9876543210").unwrap();
    let seal = |tokens: &Tokens, token: &str| tokens.credential(token).map(|who| who.seal(Purpose::ACCESS, b"payload"));
    let after = before.read("carol:cccccccccccccccc,alice:0123456789abcdef").unwrap();
    assert_eq!(after.count(), 2);
    assert_eq!(seal(&after, "0123456789abcdef"), seal(&before, "0123456789abcdef"));
    assert!(seal(&after, "cccccccccccccccc").is_some() && seal(&after, "fedcba9876543210").is_none());
    let renamed = before.read("alicia:0123456789abcdef").unwrap();
    assert_eq!(renamed.credential("0123456789abcdef").unwrap().analyst().name(), "alicia");
    assert_ne!(seal(&renamed, "0123456789abcdef"), seal(&before, "0123456789abcdef"));
}

#[test]
fn unusable_tokens_are_named_without_being_shown() {
    for (text, part) in [
        ("", "no token"),
        ("alice", "no colon"),
        ("alice:short", "shorter than 16"),
        ("al ice:0123456789abcdef", "entry 1"),
        ("alice:0123456789abcdef,bob:0123456789abcdef", "bob and alice have the same token"),
        ("alice:0123456789abcdé_", "not ASCII"),
    ] {
        let problem = Tokens::parse(text).err().unwrap();
        assert!(problem.contains(part), "{text}: {problem}");
        assert!(!problem.contains("0123456789abcdef"), "{problem}");
    }
}
