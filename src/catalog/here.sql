-- What every listing begins with. `timescaledb`: the schema of its functions, where its views can be read. `meaning`: the three tables of
-- the catalogue of meaning are there and may be read.
SELECT json_build_object(
    'now', date_trunc('second', now())::text, 'timezone', current_setting('TimeZone'), 'database', current_database(),
    'timescaledb', (SELECT f.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
                           pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
                    WHERE n.nspname = 'timescaledb_information' AND c.relname = 'hypertables' AND has_schema_privilege(n.oid, 'USAGE')
                      AND p.proname = 'approximate_row_count' AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(f.oid, 'USAGE')
                      -- The extension's own, where it is one.
                      AND (NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extname = 'timescaledb')
                           OR EXISTS (SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND e.extname = 'timescaledb'))
                    LIMIT 1),
    'meaning', (SELECT count(*) = 3 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'analytics_meta' AND c.relkind = 'r' AND c.relname IN ('metric', 'verified_query', 'glossary')
                  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')))::text AS j
