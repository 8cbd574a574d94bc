use super::*;

fn column(name: &str, type_name: &str) -> Column {
    Column { name: name.to_owned(), type_name: type_name.to_owned(), type_schema: "pg_catalog".to_owned() }
}

#[test]
fn repeated_names_are_numbered_and_stay_unique() {
    let names = |list: &[&str]| unique_names(&list.iter().map(|name| column(name, "text")).collect::<Vec<_>>());
    assert_eq!(names(&["a", "a", "a"]), ["a", "a_2", "a_3"]);
    assert_eq!(names(&["a", "a_2", "a"]), ["a", "a_2", "a_3"]);
    assert_eq!(names(&["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
    let long = "é".repeat(31);
    let numbered = names(&[&long, &long]);
    assert!(numbered[1].len() <= 63 && numbered[1].ends_with("_2"), "{numbered:?}");
}

#[test]
fn a_page_is_cut_by_rows_and_by_bytes_and_says_so() {
    let mut page = Page::new(Format::Json, vec![column("n", "int4")], 2, "max_rows", 4_096);
    assert_eq!(
        [page.push(Some("{\"n\":1}"), 7), page.push(Some("{\"n\":2}"), 7), page.push(Some("{\"n\":3}"), 7)],
        [Flow::More, Flow::More, Flow::Stop]
    );
    let text: serde_json::Value = serde_json::from_str(&page.into_texts()[0]).unwrap();
    assert_eq!(
        (&text["row_count"], &text["truncated"], &text["truncated_by"]),
        (&2.into(), &true.into(), &"rows".into())
    );
    assert_eq!(text["rows"].as_array().unwrap().len(), 2);

    let mut page = Page::new(Format::Json, vec![column("n", "int4")], 2, "max_rows", 4_096);
    assert_eq!(page.push(None, 5_000_000), Flow::Stop);
    let text: serde_json::Value = serde_json::from_str(&page.into_texts()[0]).unwrap();
    assert_eq!((&text["row_count"], &text["truncated_by"]), (&0.into(), &"bytes".into()));
    assert!(text["notice"].as_str().unwrap().contains("5000000 bytes"));
}

#[test]
fn the_whole_text_stays_within_the_byte_budget() {
    for width in [1, 10, 100, 1_000, 3_000] {
        let mut page = Page::new(Format::Json, vec![column("n", "text")], 10_000, "max_rows", 4_096);
        let row = format!("{{\"n\":\"{}\"}}", "x".repeat(width));
        while page.push(Some(&row), row.len()) == Flow::More {}
        let text = page.into_texts().concat();
        assert!(text.len() <= 4_096, "{width}: {}", text.len());
    }
}

#[test]
fn names_that_fill_an_answer_are_cut_and_equal_ones_stay_apart() {
    let wide = vec![column(&"\u{1}".repeat(60), "text"); 1_600];
    for format in [Format::Json, Format::Csv] {
        let mut page = Page::new(format, wide.clone(), 10, "max_rows", 131_072);
        assert_eq!(page.push(Some("{}"), 2), Flow::Stop);
        let texts = page.into_texts();
        assert!(texts.concat().len() <= 131_072, "{}", texts.concat().len());
        let about: serde_json::Value = serde_json::from_str(texts.last().unwrap()).unwrap();
        assert_eq!((&about["truncated_by"], &about["row_count"]), (&"bytes".into(), &0.into()));
        assert!(about["notice"].as_str().unwrap().contains("1600 columns"), "{about}");
    }
    // Equal as far as a number lets them be, and each twice.
    let alike: Vec<Column> = (0..1_600).map(|n| column(&format!("{}{:03}", "y".repeat(60), n / 2), "text")).collect();
    let names: HashSet<String> = unique_names(&alike).into_iter().collect();
    assert_eq!(names.len(), 1_600);
}

#[test]
fn a_row_that_is_no_json_is_not_sent() {
    for (row, sound) in [
        (r#"{"a":"NaN, really","b":[1,,"#, false),
        (r#"{"a":{"type":"Point","coordinates":[NaN,NaN]}}"#, false),
        (r#"{"a":[[0,0],,]}"#, false),
        (r#"{"a":"NaN","b":"Infinity, [,"}"#, true),
    ] {
        let mut page = Page::new(Format::Json, vec![column("a", "json")], 10, "max_rows", 4_096);
        assert_eq!(page.push(Some(row), row.len()) == Flow::More, sound, "{row}");
        assert_eq!(page.check().is_ok(), sound, "{row}");
    }
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(is_json(&deep("\"NaN\"")) && !is_json(&deep("NaN")));
}

#[test]
fn csv_keeps_null_and_empty_apart_and_quotes_what_must_be() {
    let mut page = Page::new(Format::Csv, vec![column("a", "text"), column("b,c", "text")], 9, "max_rows", 4_096);
    let _ = page.push(Some(r#"["x",null]"#), 10);
    let _ = page.push(Some(r#"["","say \"hi\"\n"]"#), 10);
    let texts = page.into_texts();
    assert_eq!(texts[0], "a,\"b,c\"\nx,\n\"\",\"say \"\"hi\"\"\n\"\n");
    assert!(texts[1].contains("\"row_count\":2"));
}
