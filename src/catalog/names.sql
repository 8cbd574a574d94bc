-- `$1`: JSON array of schema names. Every table that may be read, as `schema.table`.
SELECT to_json(n.nspname || '.' || c.relname)::text AS j
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN (SELECT json_array_elements_text($1::text::json)) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY 1 LIMIT 5000
