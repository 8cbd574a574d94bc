-- `$1`: schema. `$2`: a part of the name or comment, or empty. Partitions and chunks are left out: their parent is shown.
SELECT json_strip_nulls(json_build_object(
    'name', c.relname,
    'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                           WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
    'columns', (SELECT count(*) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'estimated_rows', CASE WHEN c.relkind <> 'v' AND c.reltuples >= 0 THEN c.reltuples::bigint END,
    'comment', obj_description(c.oid, 'pg_class')))::text AS j
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
  AND ($2 = '' OR position(lower($2) IN lower(concat_ws(' ', c.relname, obj_description(c.oid, 'pg_class')))) > 0)
ORDER BY c.relname
