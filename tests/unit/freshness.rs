use super::*;

#[test]
fn times_are_shown_to_the_second() {
    assert_eq!(second("2026-06-17 11:00:00.123456+03"), "2026-06-17 11:00:00+03");
    assert_eq!(second("2026-06-17 11:00:00+03"), "2026-06-17 11:00:00+03");
    assert_eq!(second("2026-06-17"), "2026-06-17");
    assert_eq!(second("0044-03-15 12:00:00.5+00 BC"), "0044-03-15 12:00:00+00 BC");
}

#[test]
fn exact_ends_come_before_others() {
    let mut facts =
        Facts { time: Some("ts".to_owned()), about: Some("ts between a and b".to_owned()), ..Facts::default() };
    assert_eq!(facts.range().unwrap(), "ts between a and b");
    facts.ends.insert("ts".to_owned(), ("2026-01-01".to_owned(), "2026-02-01".to_owned()));
    assert_eq!(facts.range().unwrap(), "ts 2026-01-01 to 2026-02-01");
    assert_eq!(Facts::default().range(), None);
}
