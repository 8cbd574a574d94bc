//! The other versions of PostgreSQL that the role script names, each with its own functions.
//!
//! `MCP_TEST_PG_BINS` lists the folders of their programs, separated by colons; `tests/run` installs them and sets it.
//! Without it the test runs on the default version only, and says so. No PostGIS comes with them: what needs it is
//! tested on the default version.

use std::{collections::BTreeSet, env, fmt::Write as _, path::PathBuf};

use serde_json::json;

use crate::{
    support::{
        cluster::{Cluster, DEMO, Programs},
        server::{Server, run},
    },
    sweep::{self, catalog},
};

/// How long the functions of one version are called, unless `SWEEP_SECONDS` says otherwise: enough for all that are new.
const SECONDS: u64 = 3;

#[test]
fn every_supported_version_takes_the_role_and_survives_its_new_functions() {
    let bins: Vec<PathBuf> = env::var_os("MCP_TEST_PG_BINS")
        .map(|list| env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    let default = Cluster::with(Programs::get(), Some(catalog::MEMORY));
    let mut wrong = String::new();
    let known = one_version(&default, &BTreeSet::new(), &mut wrong);
    if bins.is_empty() {
        eprintln!("MCP_TEST_PG_BINS names no other version of PostgreSQL: only the default one was tested");
    }
    for bin in &bins {
        let cluster = Cluster::with(&Programs::of(bin), Some(catalog::MEMORY));
        let functions = one_version(&cluster, &known, &mut wrong);
        let new = functions.difference(&known).count();
        assert!(new > 0 || functions == known, "{}: no function is new", bin.display());
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Role script, `check`, the tools, and the functions that are not known yet. Returns the signatures of all.
/// `wrong`: what the sweep finds, so that one version's findings do not hide another's.
fn one_version(cluster: &Cluster, known: &BTreeSet<String>, wrong: &mut String) -> BTreeSet<String> {
    catalog::configure(cluster);
    catalog::make_schemas(cluster);
    let version = cluster.count("postgres", "SELECT current_setting('server_version_num')::int8");
    let said = cluster.apply_role_telling(DEMO);
    assert!(!said.contains("WARNING") && !said.contains("ERROR"), "{version}: {said}");
    let again = cluster.apply_role_telling(DEMO);
    assert!(!again.contains("WARNING") && !again.contains("ERROR"), "{version}, a second time: {again}");

    let dsn = cluster.dsn(catalog::RO, DEMO);
    let check = run(&["check"], &[("DATABASE_URL", &dsn)]);
    assert_eq!(check.code, Some(0), "{version}: {}", check.told());
    assert!(check.stdout.contains("warnings: 0"), "{version}: {}", check.told());
    each_tool(&Server::start(&[("DATABASE_URL", &dsn)]), version);

    let functions = catalog::functions(&mut cluster.admin(DEMO));
    let signatures: BTreeSet<String> = functions.iter().map(|function| function.signature.clone()).collect();
    // The default version's own are the other sweep's affair, unless somebody wants to know all about these.
    let seconds = sweep::setting("SWEEP_SECONDS");
    let new: Vec<_> = if known.is_empty() {
        Vec::new()
    } else {
        functions.into_iter().filter(|function| seconds.is_some() || !known.contains(&function.signature)).collect()
    };
    eprintln!("PostgreSQL {version}: {} functions, of which {} are swept", signatures.len(), new.len());
    if !new.is_empty() {
        let seed = sweep::setting("SWEEP_SEED").unwrap_or(1);
        let found = sweep::sweep(cluster, &sweep::wanted(new), seed, seconds.unwrap_or(SECONDS));
        if !found.is_empty() {
            let _ = writeln!(wrong, "PostgreSQL {version}, SWEEP_SEED={seed}\n{found}");
        }
    }
    signatures
}

fn each_tool(server: &Server, version: i64) {
    let alice = server.alice();
    for (tool, arguments, part) in [
        ("query", json!({ "sql": "SELECT sum(n) AS total FROM fuel.records" }), "\"total\":7"),
        ("query", json!({ "sql": "SELECT sum(n) AS total FROM fuel.records", "format": "csv" }), "total"),
        ("list_schemas", json!({}), "fuel: 1 table"),
        ("list_tables", json!({ "schema": "fuel" }), "records: table"),
        ("describe_table", json!({ "schema": "fuel", "table": "records" }), "litres filled in"),
        ("list_functions", json!({ "schema": "fuel" }), "per_hundred"),
        ("sample_table", json!({ "schema": "fuel", "table": "records" }), "n\n7\n"),
    ] {
        let answer = alice.call(tool, arguments);
        let text = answer.texts.concat();
        assert!(!answer.is_error && text.contains(part), "PostgreSQL {version}, {tool}: {text}");
    }
}
