-- `$1`: JSON array of schema names. `$2`: JSON array of tables, each [schema or null, table]. `$3`: a column. `$4`: the search_path. What may be read of
-- those tables, and up to five other tables that have that column. Names are written as a statement writes them.
WITH readable AS (
    SELECT n.nspname, c.oid, c.relname, c.relkind, n.nspname IN (SELECT json_array_elements_text($4::text::json)) AS visible
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN (SELECT json_array_elements_text($1::text::json)) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'))
SELECT json_build_object('is', 'source', 'place', w.place - 1, 'of', json_build_array(r.nspname, r.relname),
    'table', format('%I.%I', r.nspname, r.relname), 'whole', has_table_privilege(r.oid, 'SELECT'), 'columns', (SELECT coalesce(json_agg(quote_ident(a.attname) ORDER BY a.attnum), '[]')
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege(r.oid, a.attnum, 'SELECT')))::text AS j
FROM json_array_elements($2::text::json) WITH ORDINALITY AS w(pair, place)
JOIN readable r ON r.relname = w.pair ->> 1 AND CASE WHEN w.pair ->> 0 IS NULL THEN r.visible ELSE r.nspname = w.pair ->> 0 END
UNION ALL
(SELECT json_build_object('is', 'elsewhere', 'table', format('%I.%I', r.nspname, r.relname))::text
FROM readable r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
WHERE a.attname = $3 AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(r.oid, a.attnum, 'SELECT')
-- First what those tables refer to.
ORDER BY NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint f JOIN readable s ON s.oid = f.conrelid
                     JOIN json_array_elements($2::text::json) AS w ON w ->> 1 = s.relname WHERE f.contype = 'f' AND f.confrelid = r.oid),
    r.relkind IN ('v', 'm') DESC, r.nspname, r.relname LIMIT 5)
