use super::*;

#[test]
fn values_cannot_leave_their_place() {
    let html = fill(r#"<p title="{{a}}">{{a}}{{unknown}}</p>{{b}}"#, &[("a", r#""><script>'&{{b}}"#), ("b", "B")]);
    let safe = "&quot;&gt;&lt;script&gt;&#39;&amp;{{b}}";
    assert_eq!(html, format!(r#"<p title="{safe}">{safe}</p>B"#));
}

#[test]
fn the_policy_names_the_style_and_script_of_the_page_and_nothing_else() {
    let policy = policy("<style>a{}</style><script>1</script>");
    assert!(policy.contains("style-src 'sha256-") && policy.contains("script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.starts_with("default-src 'none'"), "{policy}");
}
