-- `$1`: JSON array of schema names. For each the comment, the names of what it holds, curated views first, and its largest table.
SELECT json_strip_nulls(json_build_object(
    'schema', wanted.name, 'comment', left(obj_description(n.oid, 'pg_namespace'), 2000),
    'tables', (SELECT coalesce(json_agg(q.relname), '[]') FROM (
        SELECT c.relname FROM pg_catalog.pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
          AND has_any_column_privilege(c.oid, 'SELECT')
        ORDER BY c.relkind IN ('v', 'm') DESC, c.relname LIMIT 12) q),
    'more', (SELECT greatest(count(*) - 12, 0) FROM pg_catalog.pg_class c
             WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
               AND has_any_column_privilege(c.oid, 'SELECT')),
    'largest', (
        SELECT c.relname FROM pg_catalog.pg_class c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND has_any_column_privilege(c.oid, 'SELECT')
        ORDER BY greatest(c.relpages, (SELECT sum(greatest(k.relpages, 0)) FROM pg_catalog.pg_inherits i
                                       JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid WHERE i.inhparent = c.oid)) DESC, c.relname LIMIT 1)))::text AS j
FROM json_array_elements_text($1::text::json) WITH ORDINALITY AS wanted(name, place)
JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.name AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY wanted.place
