-- `$1`: schema. `$2`: a part of the name or comment, or empty. Partitions and chunks are left out: their parent is shown. The first 100;
-- each row also says how many there are. Nothing here waits for a lock.
SELECT json_strip_nulls(json_build_object(
    'name', t.relname, 'all', t.found,
    'kind', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                           WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
    'columns', (SELECT count(*) FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'hidden', CASE WHEN NOT has_table_privilege(t.oid, 'SELECT') THEN (
        SELECT nullif(count(*), 0) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT has_column_privilege(t.oid, a.attnum, 'SELECT')) END,
    'rows', CASE WHEN t.relkind <> 'v' AND t.reltuples >= 0 THEN t.reltuples::bigint END,
    'comment', left(t.comment, 1000)))::text AS j
FROM (SELECT c.oid, c.relname, c.relkind, c.reltuples, count(*) OVER () AS found, obj_description(c.oid, 'pg_class') AS comment
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
        AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
        AND ($2 = '' OR position(lower($2) IN lower(concat_ws(' ', c.relname, obj_description(c.oid, 'pg_class')))) > 0)
      ORDER BY c.relname LIMIT 100) AS t
ORDER BY t.relname
