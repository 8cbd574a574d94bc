use super::*;

fn column(name: &str) -> Column {
    let (name, type_name, type_schema) = (name.to_owned(), "text".to_owned(), "pg_catalog".to_owned());
    Column { name, type_name, type_schema, kind: Kind::Text }
}

#[test]
fn repeated_names_are_numbered_and_stay_unique() {
    let names = |list: &[&str]| unique_names(&list.iter().map(|name| column(name)).collect::<Vec<_>>());
    assert_eq!(names(&["a", "a", "a"]), ["a", "a_2", "a_3"]);
    assert_eq!(names(&["a", "a_2", "a"]), ["a", "a_2", "a_3"]);
    assert_eq!(names(&["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
    let long = "é".repeat(31);
    let numbered = names(&[&long, &long]);
    assert!(numbered[1].len() <= 63 && numbered[1].ends_with("_2"), "{numbered:?}");
    // Equal as far as a number lets them be, and each twice.
    let alike: Vec<Column> = (0..1_600).map(|n| column(&format!("{}{:03}", "y".repeat(60), n / 2))).collect();
    assert_eq!(unique_names(&alike).into_iter().collect::<HashSet<String>>().len(), 1_600);
}
