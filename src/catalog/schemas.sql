-- `$1`: JSON array of schema names. One row for each, in that order, also for those that are missing.
SELECT json_strip_nulls(json_build_object(
    'schema', wanted.name,
    'readable', n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE'),
    'tables', count(c.oid) FILTER (WHERE c.relkind IN ('r', 'p', 'f')),
    'views', count(c.oid) FILTER (WHERE c.relkind = 'v'),
    'materialized_views', count(c.oid) FILTER (WHERE c.relkind = 'm'),
    'functions', (SELECT count(*) FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = n.oid AND p.prokind IN ('f', 'w', 'a') AND p.prorettype <> 'trigger'::regtype
          AND has_function_privilege(p.oid, 'EXECUTE')
          AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
    'comment', left(obj_description(n.oid, 'pg_namespace'), 2000)))::text AS j
FROM json_array_elements_text($1::text::json) WITH ORDINALITY AS wanted(name, place)
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.name
LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
GROUP BY wanted.name, wanted.place, n.oid ORDER BY wanted.place
