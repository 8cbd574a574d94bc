-- `$1`: an enum type, as PostgreSQL's messages write it. Its values, in their order.
SELECT json_build_object('is', 'value', 'text', e.enumlabel)::text AS j
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND format_type(t.oid, NULL) = $1
  AND has_schema_privilege(n.oid, 'USAGE') AND has_type_privilege(t.oid, 'USAGE')
ORDER BY e.enumsortorder LIMIT 50
