-- `$1`: JSON array of schema names. `$2`: a name. `$3`: the search_path. The tables and the functions of those schemas that may be used, and the functions
-- of exactly that name that come with PostgreSQL or an extension. Names are written as a statement writes them.
(SELECT json_build_object('is', 'table', 'schema', quote_ident(n.nspname), 'name', quote_ident(c.relname))::text AS j
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN (SELECT json_array_elements_text($1::text::json)) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
  AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname LIMIT 5000)
UNION ALL
(SELECT json_build_object('is', 'function', 'own', f.own, 'schema', quote_ident(f.nspname), 'name', quote_ident(f.proname),
    'arguments', pg_get_function_arguments(f.oid),
    -- Those that must be given, and those whose default is short.
    'call', (SELECT string_agg(concat(quote_ident(nullif(f.proargnames[k], '')) || ' => ',
            coalesce(usual, '<' || format_type(f.types[k], NULL) || '>')), ', ' ORDER BY k)
        FROM generate_subscripts(f.types, 1) AS k, pg_get_function_arg_default(f.oid, k::int) AS usual
        WHERE (f.proargmodes IS NULL OR f.proargmodes[k] IN ('i', 'b', 'v')) AND (usual IS NULL OR usual !~ '[(]')))::text
FROM (
    SELECT p.oid, n.nspname, p.proname, p.proargnames, p.proargmodes, coalesce(p.proallargtypes, p.proargtypes[0:]::oid[]) AS types,
        n.nspname IN (SELECT json_array_elements_text($1::text::json)) AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS own
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'w', 'a') AND p.prorettype <> 'trigger'::regtype
      AND (p.proname = $2 OR n.nspname IN (SELECT json_array_elements_text($1::text::json)))
      AND has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE')) AS f
WHERE f.own OR (f.proname = $2 AND f.nspname IN (SELECT json_array_elements_text($3::text::json)))
ORDER BY f.own DESC, f.nspname, f.proname LIMIT 2000)
