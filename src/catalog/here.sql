-- What every listing begins with. `meaning`: the three tables of the catalogue of meaning are there and may be read.
SELECT json_build_object(
    'now', date_trunc('second', now())::text, 'timezone', current_setting('TimeZone'), 'database', current_database(),
    'timescaledb', (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                    WHERE e.extname = 'timescaledb'),
    'meaning', (SELECT count(*) = 3 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'analytics_meta' AND c.relname IN ('metric', 'verified_query', 'glossary')
                  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')))::text AS j
