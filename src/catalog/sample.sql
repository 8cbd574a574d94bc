-- `$1`: schema. `$2`: table. How many pages a table or materialized view has, its partitions or chunks included; null for what has none
-- of its own, such as a view. And the columns to name, as a statement writes them: null for all, where none is hidden.
SELECT json_build_object(
    'pages', CASE WHEN c.relkind IN ('r', 'p', 'm') THEN greatest(c.relpages, 0) + coalesce((
        SELECT sum(greatest(k.relpages, 0)) FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid WHERE i.inhparent = c.oid), 0) END,
    'columns', CASE WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')) END)::text AS j
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
