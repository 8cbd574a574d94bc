-- `$1`: schema. Functions of extensions are left out.
SELECT json_strip_nulls(json_build_object(
    'name', p.proname, 'arguments', pg_get_function_arguments(p.oid),
    'returns', pg_get_function_result(p.oid),
    'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
    'comment', obj_description(p.oid, 'pg_proc')))::text AS j
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prokind IN ('f', 'w', 'a') AND p.prorettype <> 'trigger'::regtype
  AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.proname, 1
