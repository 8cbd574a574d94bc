-- What every listing begins with. `timescaledb`: the schema of its functions, where its views can be read. `meaning`: the three tables of
-- the catalogue of meaning are there and may be read.
SELECT json_build_object(
    'now', date_trunc('second', now())::text, 'timezone', current_setting('TimeZone'), 'database', current_database(),
    'timescaledb', (SELECT f.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
                           pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
                    WHERE n.nspname = 'timescaledb_information' AND c.relname = 'hypertables' AND has_schema_privilege(n.oid, 'USAGE')
                      AND p.proname = 'approximate_row_count' AND has_function_privilege(p.oid, 'EXECUTE') LIMIT 1),
    'meaning', (SELECT count(*) = 3 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'analytics_meta' AND c.relname IN ('metric', 'verified_query', 'glossary')
                  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')))::text AS j
