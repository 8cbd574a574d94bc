//! The outage by one SELECT: enough session locks fill PostgreSQL's lock table, and they survive a rollback.
//!
//! On a cluster of its own: were a layer to fail, everybody would feel it.

use std::time::Duration;

use postgres::{Client, NoTls};
use serde_json::json;

use crate::support::{
    cluster::{Cluster, DEMO, READER},
    eventually,
    library::{pool, rows, sqlstate},
    server::Server,
    within,
};

const OUTAGE: &str = "SELECT pg_try_advisory_lock(g) FROM generate_series(1, 100000) AS g";

/// The same lock under a name that no guard can know.
const DISGUISED: &str = "
    CREATE FUNCTION fuel.fn_litres(seed bigint) RETURNS boolean LANGUAGE sql VOLATILE
    AS $$ SELECT pg_try_advisory_lock(seed) $$;
";

#[test]
fn no_statement_fills_the_lock_table_for_longer_than_it_runs() {
    let cluster = Cluster::new();
    cluster.sql(DEMO, READER);
    cluster.sql(DEMO, DISGUISED);
    let dsn = cluster.dsn("reader", DEMO);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    let held = || cluster.count(DEMO, locks);
    // While the session that holds them ends, nobody can even connect.
    let gone = || cluster.try_count(DEMO, locks).is_ok_and(|count| count == 0).then_some(());

    // Plain grants: only the guard stands between, and it does.
    let server = Server::start(&[("DATABASE_URL", &dsn)]);
    for sql in [
        OUTAGE,
        "SELECT count(*) FROM generate_series(1, 100000) AS g WHERE pg_catalog.pg_try_advisory_lock(g)",
        "SELECT \"pg_try_advisory_lock\"(g) FROM generate_series(1, 100000) AS g",
        "SELECT pg_advisory_lock_shared(g) FROM generate_series(1, 100000) AS g",
        "SELECT g.pg_try_advisory_lock FROM generate_series(1, 100000) AS g",
    ] {
        let error = server.alice().query(sql).error();
        assert_eq!(error["code"], "GUARD_FUNCTION", "{sql}: {error}");
    }
    assert_eq!(held(), 0);

    // Under another name it runs, fails for lack of memory, and leaves nothing.
    let error =
        server.alice().query("SELECT count(fuel.fn_litres(g)) AS n FROM generate_series(1, 100000) AS g").error();
    assert_eq!(error["sqlstate"], "53200", "{error}");
    eventually("the locks are gone", gone);
    assert_eq!(server.bob().query("SELECT n FROM fuel.records").rows(), [json!({ "n": 7 })]);
    // The same with as many locks as there is room for.
    let answer = server.alice().query("SELECT count(fuel.fn_litres(g)) AS n FROM generate_series(1, 5000) AS g");
    assert_eq!(answer.rows(), [json!({ "n": 5_000 })]);
    assert_eq!(held(), 0);

    // And below guard and wrapper.
    let database = pool(&dsn, &[("MCP_POOL_MAX", "1")]);
    let outage = "SELECT fuel.fn_litres(g)::text FROM generate_series(1, 100000) AS g";
    assert_eq!(sqlstate(&rows(&database, outage).map(|rows| rows.concat())), "53200");
    eventually("the locks are gone", gone);
    assert_eq!(rows(&database, "SELECT n::text FROM fuel.records").unwrap(), ["7"]);
    let connected = || Client::connect(&dsn, NoTls).ok();
    let mut client = within(Duration::from_secs(10), connected).expect("a new connection");
    assert_eq!(client.query("SELECT FROM fuel.records", &[]).unwrap().len(), 1);
}
