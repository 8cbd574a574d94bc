-- `$1`: JSON array of schema names. `$2`: JSON array of words, letters and digits only. Readable tables, columns and functions whose name
-- or comment has such words, the best first. A word is also found by its stem, so that "driving" finds driver. `$3`: JSON array of
-- hidden columns, each [schema, table, column, what to say of it], which are found by that and not by their comment.
WITH words AS MATERIALIZED (
    SELECT DISTINCT w AS word, left(coalesce((ts_lexize('pg_catalog.english_stem', w))[1], w), 5) AS stem
    FROM (SELECT lower(json_array_elements_text($2::text::json)) AS w) AS given
    WHERE ts_lexize('pg_catalog.english_stem', w) IS DISTINCT FROM '{}'
), pattern AS MATERIALIZED (SELECT '\m(' || string_agg(left(stem, 4), '|') || ')' AS any_word FROM words),
relations AS MATERIALIZED (
    SELECT c.oid, c.relkind, n.nspname, c.relname, s.place
    FROM json_array_elements_text($1::text::json) WITH ORDINALITY AS s(name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.name AND has_schema_privilege(n.oid, 'USAGE')
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
    WHERE has_any_column_privilege(c.oid, 'SELECT')
), things(kind, weight, place, label, name, about) AS (
    SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END, 2, r.place,
           r.nspname || '.' || r.relname, r.relname::text, d.description
    FROM relations r LEFT JOIN pg_catalog.pg_description d ON d.objoid = r.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    UNION ALL
    SELECT 'column', 0, r.place, r.nspname || '.' || r.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod),
           a.attname::text, d.description
    FROM pattern, relations r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_description d ON d.objoid = r.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE replace(a.attname, '_', ' ') || ' ' || coalesce(d.description, '') ~* any_word AND has_column_privilege(r.oid, a.attnum, 'SELECT')
    UNION ALL
    SELECT 'hidden column', 0, r.place, r.nspname || '.' || r.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), a.attname::text, h ->> 3
    FROM json_array_elements($3::text::json) AS h JOIN relations r ON r.nspname = h ->> 0 AND r.relname = h ->> 1
    JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attname = h ->> 2 AND a.attnum > 0 AND NOT has_column_privilege(r.oid, a.attnum, 'SELECT')
    UNION ALL
    SELECT 'function', 1, s.place, n.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ')', p.proname::text, d.description
    FROM json_array_elements_text($1::text::json) WITH ORDINALITY AS s(name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.name AND has_schema_privilege(n.oid, 'USAGE')
    JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.prokind IN ('f', 'w', 'a') AND p.prorettype <> 'trigger'::regtype
    LEFT JOIN pg_catalog.pg_description d ON d.objoid = p.oid AND d.classoid = 'pg_proc'::regclass
    WHERE has_function_privilege(p.oid, 'EXECUTE')
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
), scored AS (
    SELECT t.*, (SELECT sum(CASE WHEN spaced ~* ('\m' || word || '\M') THEN 9 WHEN spaced ~* ('\m' || stem) THEN 8
                                 WHEN about ~* ('\m' || stem) THEN 6 WHEN spaced || ' ' || coalesce(about, '') ~* ('\m' || left(stem, 4)) THEN 3 ELSE 0 END)
                 FROM words) AS hits
    FROM pattern, (SELECT *, replace(name, '_', ' ') AS spaced FROM things) AS t
    WHERE spaced || ' ' || coalesce(about, '') ~* any_word
)
SELECT json_build_object('kind', kind, 'label', label || CASE WHEN alike > 1 THEN format(' (also in %s more)', alike - 1) ELSE '' END,
                         'about', left(about, 300), 'score', hits + weight)::text AS j
FROM (SELECT *, row_number() OVER same AS number, count(*) OVER (PARTITION BY kind, CASE kind WHEN 'column' THEN name ELSE label END) AS alike
      FROM scored WHERE hits > 0
      WINDOW same AS (PARTITION BY kind, CASE kind WHEN 'column' THEN name ELSE label END ORDER BY hits DESC, about IS NULL, place, label)) AS s
WHERE number = 1 ORDER BY hits + weight DESC, place, kind = 'column', label LIMIT 10
