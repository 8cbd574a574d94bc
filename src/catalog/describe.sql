-- `$1`: schema. `$2`: table. `$3`: `all`, or `no locks`: without what waits for a lock on the table (expressions). `$4`: `definition`, or
-- empty. No row when there is no such table that may be read. Values and ranges come from pg_stats, which shows nothing of columns
-- that the role may not read; a column of a view shows those of the column from which it comes, if name and type are the same. What a
-- comment calls personal, here or in the table behind, shows none; neither does what a materialized view or continuous aggregate may have
-- taken from a hidden column of a table that can be read in part.
WITH t AS (
    SELECT c.oid, c.relname, c.relkind, c.reltuples, n.nspname, $3 = 'all' AS expressions
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
), cols AS MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attgenerated,
           has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable, col_description(a.attrelid, a.attnum) AS comment
    FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
), copy AS MATERIALIZED (
    -- what keeps rows of its own, and the view by which they were made: itself, or that of a continuous aggregate
    SELECT t.oid AS view FROM t WHERE t.relkind = 'm'
    UNION
    SELECT v.oid FROM t JOIN pg_catalog.pg_rewrite w ON w.ev_class = t.oid AND t.relkind = 'v'
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_catalog.pg_class m ON m.oid = d.refobjid AND m.relname LIKE '\_materialized\_hypertable\_%'
    JOIN pg_catalog.pg_class v ON v.relnamespace = m.relnamespace AND v.relname = replace(m.relname, '_materialized_hypertable_', '_direct_view_')
), reads AS MATERIALIZED (
    -- the columns that a view, materialized view or continuous aggregate reads
    SELECT DISTINCT w.ev_class AS view, b.attrelid, b.attnum, b.attname, b.atttypid, n.nspname, c.relname,
           has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(b.attrelid, b.attnum, 'SELECT') AS readable
    FROM (SELECT oid FROM t UNION SELECT view FROM copy) AS v JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.refobjid <> w.ev_class
    JOIN pg_catalog.pg_attribute b ON b.attrelid = d.refobjid AND b.attnum = d.refobjsubid AND NOT b.attisdropped
    JOIN pg_catalog.pg_class c ON c.oid = b.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
), used AS MATERIALIZED (
    SELECT r.* FROM t JOIN reads r ON r.view = t.oid WHERE r.readable
), origin AS (
    SELECT DISTINCT ON (k.attnum) k.attnum AS of_attnum, u.*, col_description(u.attrelid, u.attnum) AS comment
    FROM cols k JOIN used u USING (attname, atttypid)
    ORDER BY k.attnum, col_description(u.attrelid, u.attnum) IS NULL, u.attrelid
), whole AS MATERIALIZED (
    -- Expressions may tell of the values of a hidden column.
    SELECT NOT EXISTS (SELECT 1 FROM cols h WHERE NOT h.readable) AS shown
), personal AS MATERIALIZED (
    SELECT k.attnum FROM t CROSS JOIN cols k
    WHERE k.comment ~* 'personal' OR EXISTS (
        SELECT 1 FROM used u WHERE col_description(u.attrelid, u.attnum) ~* 'personal' AND u.atttypid = k.atttypid
            -- A materialized view may give it another name.
            AND (u.attname = k.attname OR t.relkind = 'm' AND k.comment IS NULL
                 AND NOT EXISTS (SELECT 1 FROM used o WHERE o.attname = k.attname AND o.atttypid = k.atttypid)))
    UNION
    SELECT k.attnum FROM cols k JOIN reads r ON r.view IN (SELECT view FROM copy) AND r.atttypid = k.atttypid
    WHERE NOT r.readable AND has_any_column_privilege(r.attrelid, 'SELECT') AND (r.attname = k.attname OR NOT EXISTS (
        SELECT 1 FROM reads o WHERE o.view = r.view AND o.readable AND o.attname = k.attname AND o.atttypid = k.atttypid))
), stats AS (
    SELECT k.attnum, k.atttypid, s.null_frac, s.n_distinct, s.histogram_bounds IS NULL AS complete,
           CASE WHEN y.typcategory IN ('S', 'N', 'D', 'B', 'E', 'T') THEN s.most_common_vals::text::text[] END AS common,
           CASE WHEN y.typcategory IN ('S', 'N', 'D', 'T') THEN s.histogram_bounds::text::text[] END AS bounds,
           s.most_common_elems::text::text[] AS elements
    FROM t CROSS JOIN cols k JOIN pg_catalog.pg_type y ON y.oid = k.atttypid
    LEFT JOIN origin o ON o.of_attnum = k.attnum AND t.relkind = 'v'
    -- A view that computes a column, here or further in, says so in its definition: AS and the name. It has no statistics then.
    CROSS JOIN LATERAL (SELECT CASE WHEN t.relkind = 'v' AND t.expressions THEN
        translate(pg_get_viewdef(t.oid), E',)\n;', '    ') || ' ' END AS definition) AS v
    CROSS JOIN LATERAL (SELECT * FROM pg_catalog.pg_stats s
        WHERE s.schemaname = CASE WHEN t.relkind = 'v' THEN o.nspname ELSE t.nspname END
          AND s.tablename = CASE WHEN t.relkind = 'v' THEN o.relname ELSE t.relname END AND s.attname = k.attname
        ORDER BY s.inherited DESC LIMIT 1) AS s
    WHERE k.readable AND k.attnum NOT IN (SELECT attnum FROM personal) AND (t.relkind <> 'v' OR position(' AS ' || quote_ident(k.attname) || ' ' IN v.definition) = 0)
), keys AS MATERIALIZED (
    SELECT k.* FROM t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid
)
SELECT json_strip_nulls(json_build_object(
    'kind', CASE t.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
                           WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
    'comment', left(obj_description(t.oid, 'pg_class'), 4000),
    'rows', CASE WHEN t.relkind <> 'v' AND t.reltuples >= 0 THEN t.reltuples::bigint END,
    'analyzed', greatest(pg_stat_get_last_analyze_time(t.oid), pg_stat_get_last_autoanalyze_time(t.oid))::date,
    'partition_key', CASE WHEN t.relkind = 'p' AND t.expressions AND (SELECT shown FROM whole) THEN pg_get_partkeydef(t.oid) END,
    'columns', (SELECT json_agg(json_build_object(
            'name', k.attname, 'type', format_type(k.atttypid, k.atttypmod), 'hidden', nullif(NOT k.readable, false),
            'comment', left(coalesce(k.comment, CASE WHEN k.readable THEN o.comment END), 1000),
            'generated', CASE WHEN k.attgenerated <> '' AND t.expressions AND (SELECT shown FROM whole) THEN
                (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = k.attrelid AND d.adnum = k.attnum) END,
            'check', CASE WHEN k.readable AND t.expressions THEN
                (SELECT json_agg(pg_get_constraintdef(c.oid) ORDER BY c.conname) FROM keys c WHERE c.contype = 'c' AND c.conkey = ARRAY[k.attnum]) END,
            'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
                       WHERE e.enumtypid = k.atttypid AND (SELECT has_schema_privilege(y.typnamespace, 'USAGE') FROM pg_catalog.pg_type y WHERE y.oid = k.atttypid)),
            'refers', (SELECT format('%s.%s.%s', n.nspname, c.relname, a.attname)
                       FROM keys f JOIN pg_catalog.pg_class c ON c.oid = f.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.confkey[1]
                       WHERE f.contype = 'f' AND f.conkey = ARRAY[k.attnum]
                         AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') ORDER BY f.conname LIMIT 1),
            'null_share', nullif(s.null_frac, 0),
            'values', CASE WHEN s.complete AND cardinality(s.common) <= 30 THEN to_json(s.common) END,
            'elements', to_json(s.elements[1:20]),
            'low', r.low, 'high', r.high,
            'example', CASE WHEN r.low IS NULL AND s.atttypid IN ('text'::regtype, 'varchar'::regtype) AND (NOT s.complete OR cardinality(s.common) > 30) THEN
                coalesce(s.common[1], s.bounds[1 + cardinality(s.bounds) / 2]) END) ORDER BY k.attnum)
        FROM cols k LEFT JOIN origin o ON o.of_attnum = k.attnum LEFT JOIN stats s ON s.attnum = k.attnum
        -- The bounds leave out the most common values. The ends of numbers by size, of times as they are written.
        LEFT JOIN LATERAL (
            SELECT trim_scale(min(v::numeric))::text AS low, trim_scale(max(v::numeric))::text AS high FROM unnest(s.common || s.bounds) AS v
            WHERE s.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype, 'numeric'::regtype)
            HAVING count(*) > 0
            UNION ALL
            SELECT min(v COLLATE "C"), max(v COLLATE "C") FROM unnest(s.common || s.bounds) AS v
            WHERE s.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) HAVING count(*) > 0
            UNION ALL
            SELECT min(v::interval)::text, max(v::interval)::text FROM unnest(s.common || s.bounds) AS v
            WHERE s.atttypid = 'interval'::regtype HAVING count(*) > 0) AS r ON true),
    'keys', (SELECT json_agg(d.def ORDER BY d.contype <> 'p', d.contype DESC, d.def) FROM (
            SELECT k.contype, CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' END || format(' (%s)',
                (SELECT string_agg(a.attname, ', ' ORDER BY x.place) FROM unnest(k.conkey) WITH ORDINALITY AS x(num, place)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.num)) AS def
            FROM keys k WHERE k.contype IN ('p', 'u')
            UNION ALL
            SELECT k.contype, pg_get_constraintdef(k.oid) FROM keys k
            JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE k.contype = 'f' AND cardinality(k.conkey) > 1 AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
            UNION ALL
            SELECT k.contype, CASE WHEN t.expressions THEN pg_get_constraintdef(k.oid) END FROM keys k
            WHERE k.contype = 'c' AND cardinality(k.conkey) > 1 AND (SELECT shown FROM whole)) AS d),
    'referenced_by', (SELECT json_agg(r.who ORDER BY r.who) FROM (
            SELECT format('%s.%s.%s', n.nspname, c.relname, a.attname) AS who
            FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.conkey[1]
            WHERE f.confrelid = t.oid AND f.contype = 'f' AND f.conparentid = 0 AND NOT c.relispartition AND n.nspname NOT LIKE '\_timescaledb\_%'
              AND cardinality(f.conkey) = 1 AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') LIMIT 20) AS r),
    'indexes', (SELECT json_agg(i.def ORDER BY i.def) FROM (
            SELECT format('%s (%s)', m.amname, (SELECT string_agg(coalesce(a.attname, CASE WHEN t.expressions THEN pg_get_indexdef(i.indexrelid, x.place::int, true) END, '…'), ', ' ORDER BY x.place)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS x(num, place) LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.num AND x.num > 0
                WHERE x.place <= i.indnkeyatts))
                || CASE WHEN i.indpred IS NULL THEN '' WHEN t.expressions THEN ' WHERE ' || pg_get_expr(i.indpred, i.indrelid) ELSE ' WHERE …' END AS def
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam
            WHERE i.indrelid = t.oid AND i.indisvalid AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.conindid = i.indexrelid)
              AND (i.indexprs IS NULL AND i.indpred IS NULL OR (SELECT shown FROM whole))) AS i),
    'definition', CASE WHEN t.relkind IN ('v', 'm') AND t.expressions AND $4 = 'definition' THEN pg_get_viewdef(t.oid, true) END,
    'has_definition', CASE WHEN t.relkind IN ('v', 'm') THEN true END))::text AS j
FROM t
