-- What the guard has to know: the functions of extensions and those in C; of PostgreSQL's own those that are volatile, called pg_*,
-- or of the same name as one of the others; and the schemas of extensions.
-- A row is [schema, name, foreign, volatile, callable with one argument], or [schema].
WITH members AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'),
functions AS (
    SELECT n.nspname, p.proname, n.nspname = 'pg_catalog' AS core, p.provolatile = 'v' AS volatile,
           p.pronargs - p.pronargdefaults <= 1 AND (p.pronargs > 0 OR p.provariadic <> 0) AS unary,
           l.lanname IN ('c', 'internal') AND n.nspname <> 'pg_catalog'
               OR EXISTS (SELECT FROM members m WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid) AS foreign_
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang)
SELECT json_build_array(nspname, proname, foreign_, bool_or(volatile), bool_or(unary))::text AS j
FROM functions
WHERE foreign_ OR core AND (volatile OR proname LIKE 'pg\_%' OR proname IN (SELECT proname FROM functions WHERE foreign_))
GROUP BY nspname, proname, foreign_
UNION ALL
SELECT json_build_array(n.nspname)::text
FROM members m JOIN pg_catalog.pg_namespace n ON m.classid = 'pg_catalog.pg_namespace'::regclass AND n.oid = m.objid
