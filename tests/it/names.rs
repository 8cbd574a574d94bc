//! Functions by name: the guard (`src/guard/callable.rs`), the role script (`scripts/analytics_ro_role.sql`) and the role check
//! (`src/role_check.sql`) each have a list of their own, in the form that each needs. Here they are held against each other.

use std::collections::BTreeSet;

use analytics_mcp::guard::{self, Known, Rule};
use regex::Regex;

use crate::{
    support::{
        cluster::{Cluster, DEMO},
        library,
    },
    sweep::catalog,
};

const ROLE_SCRIPT: &str = include_str!("../../scripts/analytics_ro_role.sql");
const ROLE_CHECK: &str = include_str!("../../src/role_check.sql");

/// Functions that the guard refuses by name and PUBLIC keeps, and why.
const LEFT_TO_PUBLIC: &[(&str, &str)] = &[
    ("record_in", "the input function of a type: a cast calls it, whatever the grants"),
    ("array_in", "the same"),
    ("domain_in", "the same"),
    ("range_in", "the same"),
    ("multirange_in", "the same"),
];

/// What the guard says of a function that is not dangerous by its name but by its class.
const BY_CLASS: &[&str] =
    &["belongs to an extension", "not on the list of harmless pg_* functions", "marks it volatile"];

/// A function that PUBLIC may execute, with its schema and its name.
type Names = BTreeSet<(String, String)>;

fn open_to_public(cluster: &Cluster) -> Names {
    let sql =
        "SELECT DISTINCT n.nspname::text, p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
               WHERE has_function_privilege('public', p.oid, 'EXECUTE')";
    cluster.admin(DEMO).query(sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn refusal(known: &Known, schema: &str, name: &str) -> Option<guard::Refusal> {
    guard::admit(&format!("SELECT \"{schema}\".\"{name}\"()"), known).err()
}

/// The patterns of the role script's list, each for a whole name.
fn revoked_patterns() -> Vec<Regex> {
    let (_, list) = ROLE_SCRIPT.split_once("WITH refused (pattern, reason) AS (VALUES").expect("the list of functions");
    let (list, _) = list.split_once("SELECT p.oid").expect("its end");
    let row = Regex::new(r"(?m)^ +\('([^']+)',").unwrap();
    row.captures_iter(list).map(|row| Regex::new(&format!("^(?:{})$", &row[1])).unwrap()).collect()
}

#[test]
fn what_the_role_script_revokes_the_guard_refuses_and_the_reverse() {
    let cluster = Cluster::new();
    catalog::configure(&cluster);
    catalog::make_schemas(&cluster);
    catalog::make_extensions(&cluster);
    let before = open_to_public(&cluster);
    cluster.apply_role(DEMO);
    let after = open_to_public(&cluster);
    let rows: Vec<String> = cluster.admin(DEMO).query(guard::ROWS, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    let known = Known::new(rows.iter().map(String::as_str)).unwrap();

    let revoked: Names = before.difference(&after).cloned().collect();
    for name in ["pg_advisory_lock", "set_config", "query_to_xml", "dblink_exec", "st_estimatedextent", "pg_notify"] {
        assert!(revoked.iter().any(|(_, revoked)| revoked == name), "{name} is not revoked: {revoked:?}");
    }
    let admitted: Vec<_> = revoked.iter().filter(|(schema, name)| refusal(&known, schema, name).is_none()).collect();
    assert!(admitted.is_empty(), "the role script revokes these, and the guard lets them through: {admitted:?}");

    let mut dangerous = 0;
    let mut open = Vec::new();
    for (schema, name) in before.iter().filter(|(schema, _)| schema == "pg_catalog") {
        let by_name = refusal(&known, schema, name).filter(|refusal| {
            refusal.rule == Rule::Function && !BY_CLASS.iter().any(|part| refusal.message.contains(part))
        });
        let Some(refusal) = by_name else { continue };
        dangerous += 1;
        let excused = LEFT_TO_PUBLIC.iter().any(|(known, _)| known == name);
        if after.contains(&(schema.clone(), name.clone())) != excused {
            open.push(format!("{name}, excused: {excused}: {}", refusal.message));
        }
    }
    assert!(
        open.is_empty(),
        "refused by name, yet PUBLIC may execute them after the role script:\n{}",
        open.join("\n")
    );
    assert!(dangerous > 15, "the guard names only {dangerous} of PostgreSQL's functions");
}

#[test]
fn the_role_check_knows_what_the_role_script_revokes() {
    let patterns = revoked_patterns();
    assert!(patterns.len() > 15, "{patterns:?}");
    let revoked = |name: &str| patterns.iter().any(|pattern| pattern.is_match(name));

    // The lists of the role check: names in IN (…), and signatures in an ARRAY.
    let lists = Regex::new(r"f\.proname IN \(([^)]*)\)|unnest\(ARRAY\[[ \n]*('pg_[^\]]*)\]").unwrap();
    let name = Regex::new(r"'([a-z0-9_]+)(?:\([^']*\))?'").unwrap();
    let checked: BTreeSet<&str> = lists
        .captures_iter(ROLE_CHECK)
        .filter_map(|list| list.get(1).or_else(|| list.get(2)))
        .flat_map(|list| name.captures_iter(list.as_str()).filter_map(|name| name.get(1)))
        .map(|name| name.as_str())
        .collect();
    for name in ["drop_chunk", "_postgis_stats", "pg_sleep", "pg_try_advisory_lock"] {
        assert!(checked.contains(name), "{name} is not in the lists of the role check: {checked:?}");
    }
    let kept: Vec<_> = checked.iter().filter(|name| !revoked(name)).collect();
    assert!(kept.is_empty(), "the role check warns of these, and the role script does not revoke them: {kept:?}");

    // TimescaleDB's and PostGIS's functions stand in both by name; of PostgreSQL's own the check asks for some that stand for all.
    let known: Vec<(String, String)> = include_str!("../data/guard/known.jsonl")
        .lines()
        .filter_map(|row| serde_json::from_str::<(String, String, bool, bool, bool)>(row).ok())
        .map(|(schema, name, ..)| (schema, name))
        .filter(|(schema, name)| {
            schema.starts_with("_timescaledb_") || name.contains("postgis") || name.starts_with("st_")
        })
        .collect();
    assert!(known.len() > 400, "{}", known.len());
    for (schema, name) in known.iter().filter(|(_, name)| revoked(name)) {
        assert!(
            checked.contains(name.as_str()),
            "the role script revokes {schema}.{name}, and the role check does not ask for it"
        );
        assert!(refusal(library::known(), schema, name).is_some(), "the guard lets {schema}.{name} through");
    }
}
