-- `$1`: schema. `$2`: JSON array of names. For each that is there: its time column, and where the ends of its columns can be looked up
-- without a scan. Columns with an index have exact ends; what is personal, or hidden in a table behind, has none. A view says which column
-- of a table its time column comes from, if name and type are the same.
WITH rel AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname IN (SELECT json_array_elements_text($2::text::json)) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
), cols AS MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid,
           a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype) AS is_time,
           (SELECT min(p) FROM pg_catalog.pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(num, p)
            WHERE i.indrelid = a.attrelid AND k.num = a.attnum AND i.indisvalid AND i.indpred IS NULL
              AND (SELECT m.amname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am m ON m.oid = c.relam WHERE c.oid = i.indexrelid) = 'btree') AS place
    FROM rel JOIN pg_catalog.pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype,
                         'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
      AND has_column_privilege(a.attrelid, a.attnum, 'SELECT') AND coalesce(col_description(a.attrelid, a.attnum), '') !~* 'personal'
      AND NOT EXISTS (
          SELECT 1 FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
              AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.refobjid <> w.ev_class
          JOIN pg_catalog.pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid
          WHERE w.ev_class = rel.oid AND b.attname = a.attname AND (col_description(b.attrelid, b.attnum) ~* 'personal'
              OR has_any_column_privilege(b.attrelid, 'SELECT') AND NOT has_column_privilege(b.attrelid, b.attnum, 'SELECT')))
)
SELECT json_strip_nulls(json_build_object(
    'name', rel.relname, 'whole', rel.relkind IN ('v', 'f'), 'time', t.attname,
    'indexed', (SELECT json_agg(k.attname) FROM (SELECT * FROM cols WHERE cols.attrelid = rel.oid AND cols.place = 1 ORDER BY NOT is_time, attnum LIMIT 8) AS k),
    'source', CASE WHEN rel.relkind = 'v' THEN (
        SELECT json_build_object('schema', n.nspname, 'table', c.relname, 'indexed', EXISTS (
            SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam
            WHERE i.indrelid = c.oid AND i.indkey[0] = b.attnum AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'))
        FROM pg_catalog.pg_rewrite w
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_catalog.pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid AND NOT b.attisdropped
        JOIN pg_catalog.pg_class c ON c.oid = b.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE w.ev_class = rel.oid AND b.attname = t.attname AND b.atttypid = t.atttypid AND c.relkind IN ('r', 'p', 'm')
          AND n.nspname NOT LIKE '\_timescaledb\_%' AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(b.attrelid, b.attnum, 'SELECT')
        ORDER BY c.oid LIMIT 1) END))::text AS j
FROM rel LEFT JOIN LATERAL (
    SELECT * FROM cols WHERE cols.attrelid = rel.oid AND is_time ORDER BY place IS NULL, place > 1, attnum LIMIT 1) AS t ON true
ORDER BY rel.relkind IN ('v', 'f'), rel.relname
