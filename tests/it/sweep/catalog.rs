//! The database of the sweep, and every function that can be called in it.

use postgres::Client;

use crate::support::cluster::{Cluster, DEMO, PASSWORD};

/// The project's role, to which its script has been applied.
pub(crate) const RO: &str = "analytics_ro";
/// A role with the grants of a reader and nothing taken away.
pub(super) const PLAIN: &str = "sweep_plain";
/// The most KiB of address space of one PostgreSQL process: twice its longest value.
pub(crate) const MEMORY: u64 = 2 << 20;

/// A function as PostgreSQL knows it.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Name with its arguments: the same in every run.
    pub(crate) signature: String,
    /// Name with its schema, quoted where necessary.
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// What it returns, without a schema.
    pub(super) returns: String,
    /// `f`, `a` or `w`.
    pub(super) kind: String,
    pub(super) returns_set: bool,
    /// It returns rows whose columns the caller has to name.
    pub(super) needs_columns: bool,
    pub(super) variadic: bool,
    /// Of an aggregate over an ordered set: the arguments before WITHIN GROUP.
    pub(super) direct: Option<usize>,
    /// The operator that calls it.
    pub(super) operator: Option<String>,
    /// PostgreSQL's own, not an extension's.
    pub(super) core: bool,
    /// Whether the project's role may call it, besides [`PLAIN`].
    pub(super) for_ro: bool,
}

/// Settings that a sweep needs.
pub(crate) fn configure(cluster: &Cluster) {
    let mut admin = cluster.admin(DEMO);
    for setting in ["track_activity_query_size = 32768", "log_min_messages = log", "max_connections = 300"] {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).unwrap();
    }
    let preload = "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'";
    if admin.query_one(preload, &[]).unwrap().get::<_, i64>(0) > 0 {
        // Without it in this list, an attempt to create the extension ends the session.
        admin.batch_execute("ALTER SYSTEM SET shared_preload_libraries = 'timescaledb'").unwrap();
    }
    // The check of a password takes longer than most calls.
    let hba: String = admin.query_one("SHOW hba_file", &[]).unwrap().get(0);
    admin.batch_execute(&format!("COPY (SELECT 'host all all 127.0.0.1/32 trust') TO '{hba}'")).unwrap();
    drop(admin);
    cluster.stop("fast");
    cluster.start();
}

/// The schemas that the role script expects, with something to read, and the role from which nothing is taken.
pub(crate) fn make_schemas(cluster: &Cluster) {
    cluster.sql(DEMO, &SCHEMAS.replace("PASSWORD_HERE", PASSWORD));
}

/// Every extension that can be created. Before the role script runs, which takes rights on their functions.
pub(crate) fn make_extensions(cluster: &Cluster) {
    cluster.sql(DEMO, EXTENSIONS);
}

const SCHEMAS: &str = r"
    CREATE SCHEMA reporting; CREATE SCHEMA tracksolid; CREATE SCHEMA tickets; CREATE SCHEMA fuel;
    CREATE TABLE fuel.records AS SELECT 7 AS n;
    COMMENT ON COLUMN fuel.records.n IS 'litres filled in';
    CREATE FUNCTION fuel.per_hundred(litres numeric, km numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 100 * litres / km';
    CREATE TYPE public.sweep_mood AS ENUM ('sad', 'ok', 'happy');
    -- Made before the role script runs, so that it keeps what PUBLIC had.
    CREATE ROLE sweep_plain LOGIN PASSWORD 'PASSWORD_HERE';
    GRANT USAGE ON SCHEMA reporting, tracksolid, tickets, fuel TO sweep_plain;
    GRANT SELECT ON fuel.records TO sweep_plain;";

const EXTENSIONS: &str = r"
    DO $$
    DECLARE
        e record;
    BEGIN
        FOR e IN SELECT name FROM pg_available_extensions
                 WHERE installed_version IS NULL AND name !~ '-3$' ORDER BY name LIKE '%tiger%', name LOOP
            BEGIN
                EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', e.name);
            EXCEPTION WHEN OTHERS THEN
                RAISE NOTICE 'without %: %', e.name, sqlerrm;
            END;
        END LOOP;
    END $$;";

/// Every function that one of the roles may execute, in an order that does not depend on anything but their names.
pub(crate) fn functions(admin: &mut Client) -> Vec<Function> {
    // Then every name is written with its schema, but those of pg_catalog.
    admin.batch_execute("SET search_path = pg_catalog").unwrap();
    let rows = admin
        .query(
            "SELECT p.oid::regprocedure::text, format('%I.%I', n.nspname, p.proname),
                    ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t),
                    regexp_replace(format_type(p.prorettype, NULL), '^.*[.]', ''), p.prokind::text, p.proretset,
                    p.prorettype = 'record'::regtype AND NOT coalesce(p.proargmodes && '{o,b,t}', false),
                    p.provariadic <> 0, CASE WHEN a.aggkind <> 'n' THEN a.aggnumdirectargs::int END,
                    (SELECT min(o.oprname::text) FROM pg_operator o WHERE o.oprcode = p.oid AND o.oprnamespace = p.pronamespace),
                    p.oid < 16384, may.ro
               FROM pg_proc p
               JOIN pg_namespace n ON n.oid = p.pronamespace
               LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid,
                    LATERAL (SELECT has_function_privilege('analytics_ro', p.oid, 'EXECUTE') AND has_schema_privilege('analytics_ro', n.oid, 'USAGE') AS ro,
                        has_function_privilege('sweep_plain', p.oid, 'EXECUTE') AND has_schema_privilege('sweep_plain', n.oid, 'USAGE') AS plain) AS may
              -- PostgreSQL finds no function with an internal argument for a call in SQL, not even with NULL.
              WHERE p.prokind <> 'p' AND (may.ro OR may.plain) AND NOT 'internal'::regtype = ANY (p.proargtypes)
              ORDER BY 1",
            &[],
        )
        .unwrap();
    rows.iter()
        .map(|row| Function {
            signature: row.get(0),
            name: row.get(1),
            arguments: row.get(2),
            returns: row.get(3),
            kind: row.get(4),
            returns_set: row.get(5),
            needs_columns: row.get(6),
            variadic: row.get(7),
            direct: row.get::<_, Option<i32>>(8).map(|count| count as usize),
            operator: row.get(9),
            core: row.get(10),
            for_ro: row.get(11),
        })
        .collect()
}
