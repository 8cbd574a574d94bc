-- `$1`: JSON array of [schema, table]. For each the table of which it is a partition or chunk, or itself, with about how many rows.
SELECT DISTINCT json_build_object('schema', n.nspname, 'table', c.relname, 'part_schema', given.j ->> 0, 'part', given.j ->> 1,
    'has_parts', EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid), 'rows', greatest(c.reltuples, (
    SELECT sum(greatest(k.reltuples, 0)) FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class k ON k.oid = h.inhrelid WHERE h.inhparent = c.oid))::bigint)::text AS j
FROM json_array_elements($1::text::json) AS given(j)
JOIN pg_catalog.pg_namespace pn ON pn.nspname = given.j ->> 0
JOIN pg_catalog.pg_class p ON p.relnamespace = pn.oid AND p.relname = given.j ->> 1
JOIN LATERAL (
    WITH RECURSIVE up(oid, depth) AS (
        SELECT p.oid, 0 UNION ALL SELECT i.inhparent, up.depth + 1 FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid WHERE up.depth < 10)
    SELECT oid FROM up ORDER BY depth DESC LIMIT 1) AS top ON true
JOIN pg_catalog.pg_class c ON c.oid = top.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE has_any_column_privilege(c.oid, 'SELECT')
