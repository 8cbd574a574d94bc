use super::*;

#[test]
fn values_cannot_leave_their_place() {
    let html = fill(r#"<p title="{{a}}">{{a}}{{unknown}}</p>{{b}}"#, &[("a", r#""><script>'&{{b}}"#), ("b", "B")]);
    let safe = "&quot;&gt;&lt;script&gt;&#39;&amp;{{b}}";
    assert_eq!(html, format!(r#"<p title="{safe}">{safe}</p>B"#));
}

#[test]
fn a_section_is_there_or_its_opposite() {
    let template = "1{{?a}}2{{?b}}3{{/b}}{{a}}{{/a}}{{!a}}4{{!b}}5{{/b}}{{/a}}6";
    assert_eq!(fill(template, &[("a", "A"), ("b", "B")]), "123A6");
    assert_eq!(fill(template, &[("a", "A")]), "12A6");
    assert_eq!(fill(template, &[("b", "B")]), "146");
    assert_eq!(fill(template, &[]), "1456");
    assert_eq!(fill("{{?a}}{{a}}{{/a}}", &[("a", "{{/a}}{{!a}}")]), "{{/a}}{{!a}}", "a value opens and ends none");
    assert_eq!(fill("1{{?a}}2", &[]), "1", "without an end");
}

#[test]
fn every_section_of_a_template_ends() {
    for template in [SIGN_IN, PROBLEM, CONNECT, PRIVACY] {
        let mut open = Vec::new();
        for (tag, _) in template.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None => open.extend(tag.strip_prefix(['?', '!'])),
            }
        }
        assert_eq!(open, [""; 0]);
    }
}

#[test]
fn the_policy_names_the_style_and_script_of_the_page_and_nothing_else() {
    let policy = policy("<style>a{}</style><script>1</script>");
    assert!(policy.contains("style-src 'sha256-") && policy.contains("script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.starts_with("default-src 'none'"), "{policy}");
}
