use super::*;

#[test]
fn what_is_around_a_token_is_left_out() {
    let tokens = Tokens::parse("alice:0123456789abcdef,bob:with:colons:and'quotes'").unwrap();
    let who = |pasted: &str| credential(&tokens, pasted).map(|found| found.analyst().name().to_owned());
    for pasted in [
        "0123456789abcdef",
        "  0123456789abcdef\r\n",
        "\"0123456789abcdef\"",
        "“0123456789abcdef”",
        "<0123456789abcdef>",
        "Bearer 0123456789abcdef",
        "bearer   0123456789abcdef",
        "Authorization: Bearer 0123456789abcdef",
        "\"Authorization: Bearer 0123456789abcdef\"",
        "alice:0123456789abcdef",
        "alice: 0123456789abcdef,",
        "'alice:0123456789abcdef'",
        r#"{"AUTH": "Bearer 0123456789abcdef"}"#,
        r#"claude mcp add x https://fleet.example/mcp --header "Authorization: Bearer 0123456789abcdef""#,
        "Hi Alice, your token is 0123456789abcdef.",
        "01234567\n89abcdef",
        "01234567 89abcdef",
        "\u{feff}01234567\u{200b}89abcdef",
        "0123456789abcdef 0123456789abcdef",
    ] {
        assert_eq!(who(pasted).as_deref(), Ok("alice"), "{pasted}");
    }
    assert_eq!(who("with:colons:and'quotes'").as_deref(), Ok("bob"), "what belongs to a token stays");
}

#[test]
fn what_is_wrong_has_a_name_and_an_explanation() {
    let tokens = Tokens::parse("alice:0123456789abcdef,bob:fedcba9876543210").unwrap();
    let long = format!("{} 0123456789abcdef", "word ".repeat(MAX_WORDS));
    for (pasted, name) in [
        ("", "empty"),
        ("  ", "empty"),
        ("Bearer ", "empty"),
        ("alice:", "empty"),
        ("\"\"", "empty"),
        ("0123456789abcde", "short"),
        ("Bearer 0123456", "short"),
        ("alice:0123", "short"),
        ("YOUR-TOKEN", "short"),
        ("01234567 89abcdeX", "more"),
        ("my token is 0123456789abcdeX", "more"),
        (&long, "more"),
        ("alice:0123456789abcdef,bob:fedcba9876543210", "several"),
        ("access.eyJleHAiOjE3.c2lnbmF0dXJl", "program"),
        ("eyJhbGciOi.eyJzdWIiOi.SflKxwRJSM", "program"),
        ("0123456789ABCDEF", "wrong"),
        ("0123456789abcdef0", "wrong"),
        ("0123456789abcdefé", "wrong"),
    ] {
        assert_eq!(credential(&tokens, pasted).err(), Some(name), "{pasted}");
        assert!(explain(name).is_some_and(|text| text.ends_with('.')), "{name}");
    }
    assert_eq!(explain("<script>"), None);
}
