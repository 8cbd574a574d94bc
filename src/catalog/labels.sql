-- `$1`: an enum type, as PostgreSQL's messages write it. `$2`: the search_path. Its values, in their order.
SELECT json_build_object('is', 'value', 'text', e.enumlabel)::text AS j
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND ($1 = format_type(t.oid, NULL) OR $1 = quote_ident(t.typname) AND n.nspname IN (SELECT json_array_elements_text($2::text::json)))
  AND has_schema_privilege(n.oid, 'USAGE') AND has_type_privilege(t.oid, 'USAGE')
ORDER BY e.enumsortorder LIMIT 50
