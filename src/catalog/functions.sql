-- `$1`: schema. `$2`: the name of a function, whose SQL is shown, or empty: all, without. Functions of extensions are left out.
SELECT json_strip_nulls(json_build_object(
    'name', p.proname, 'arguments', pg_get_function_arguments(p.oid), 'returns', pg_get_function_result(p.oid),
    'comment', left(obj_description(p.oid, 'pg_proc'), 1000),
    'body', CASE WHEN $2 <> '' AND p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END))::text AS j
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND ($2 = '' OR p.proname = $2) AND p.prokind IN ('f', 'w', 'a') AND p.prorettype <> 'trigger'::regtype
  AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY p.proname, 1
