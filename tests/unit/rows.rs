use super::*;

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), type_name: "int4".to_owned(), type_schema: "pg_catalog".to_owned(), kind }
}

fn page(columns: &[Column], max_rows: u32, max_bytes: usize) -> Page {
    Page::new(Format::Json, columns, max_rows, "max_rows", max_bytes)
}

/// The texts of the answer's blocks, and their length as the page counted it.
fn texts(page: Page) -> (Vec<String>, usize) {
    let answer = page.into_answer();
    let length = answer.len();
    let text = |block: Vec<Text>| {
        let escaped: Vec<u8> = block.into_iter().flat_map(Text::into_escaped).flatten().collect();
        serde_json::from_str::<String>(&format!("\"{}\"", String::from_utf8(escaped).unwrap())).unwrap()
    };
    (answer.blocks.into_iter().map(text).collect(), length)
}

fn json(page: Page) -> serde_json::Value {
    serde_json::from_str(&texts(page).0[0]).unwrap()
}

#[test]
fn a_page_is_cut_by_rows_and_by_bytes_and_says_so() {
    let columns = [column("n", Kind::Number)];
    let mut rows = page(&columns, 2, 4_096);
    let flows = ["1", "2", "3"].map(|n| rows.push(Row::Values(&[Some(n)])));
    assert_eq!(flows, [Flow::More, Flow::More, Flow::Stop]);
    let text = json(rows);
    assert_eq!(
        (&text["row_count"], &text["truncated"], &text["truncated_by"]),
        (&2.into(), &true.into(), &"rows".into())
    );
    assert_eq!(text["rows"], serde_json::json!([{ "n": 1 }, { "n": 2 }]));

    let mut rows = page(&columns, 2, 4_096);
    assert_eq!(rows.push(Row::TooLong(5_000_000)), Flow::Stop);
    let text = json(rows);
    assert_eq!((&text["row_count"], &text["truncated_by"]), (&0.into(), &"bytes".into()));
    assert!(text["notice"].as_str().unwrap().contains("5000000 bytes"));
}

#[test]
fn the_whole_text_stays_within_the_byte_budget() {
    for width in [1, 10, 100, 1_000, 3_000] {
        for filler in ["x", "\"", "\n"] {
            let mut rows = page(&[column("n", Kind::Text)], 10_000, 4_096);
            let value = filler.repeat(width);
            while rows.push(Row::Values(&[Some(&value)])) == Flow::More {}
            let (texts, length) = texts(rows);
            assert!(length <= 4_096 && texts.concat().len() == length, "{width} of {filler:?}: {length}");
        }
    }
}

#[test]
fn names_that_fill_an_answer_are_cut() {
    let wide = vec![column(&"\u{1}".repeat(60), Kind::Text); 1_600];
    for format in [Format::Json, Format::Csv] {
        let mut page = Page::new(format, &wide, 10, "max_rows", 131_072);
        assert_eq!(page.push(Row::Values(&[])), Flow::Stop);
        let (texts, length) = texts(page);
        assert!(length <= 131_072, "{length}");
        let about: serde_json::Value = serde_json::from_str(texts.last().unwrap()).unwrap();
        assert_eq!((&about["truncated_by"], &about["row_count"]), (&"bytes".into(), &0.into()));
        assert!(about["notice"].as_str().unwrap().contains("1600 columns"), "{about}");
    }
}

#[test]
fn a_value_that_is_no_json_is_not_sent() {
    for (value, sound) in [
        (r#"["NaN, really",[1,,]]"#, false),
        (r#"{"type":"Point","coordinates":[NaN,NaN]}"#, false),
        (r#"[[0,0],,]"#, false),
        (r#"["NaN","Infinity, [,"]"#, true),
    ] {
        for kind in [Kind::Json, Kind::Shape, Kind::Other] {
            let mut rows = page(&[column("a", kind)], 10, 4_096);
            assert_eq!(rows.push(Row::Values(&[Some(value)])) == Flow::More, sound, "{value}");
            assert_eq!(rows.check().is_ok(), sound, "{value}");
        }
    }
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(is_json(&deep("\"NaN\"")) && !is_json(&deep("NaN")));
}

#[test]
fn csv_keeps_null_and_empty_apart_and_quotes_what_must_be() {
    let columns = [column("a", Kind::Text), column("b,c", Kind::Text)];
    let mut rows = Page::new(Format::Csv, &columns, 9, "max_rows", 4_096);
    let _ = rows.push(Row::Values(&[Some("x"), None]));
    let _ = rows.push(Row::Values(&[Some(""), Some("say \"hi\"\n")]));
    let texts = texts(rows).0;
    assert_eq!(texts[0], "a,\"b,c\"\nx,\n\"\",\"say \"\"hi\"\"\n\"\n");
    assert!(texts[1].contains("\"row_count\":2"));
}
