-- Can the role read a column that is to be hidden from it? The server and `check` look with this, and scripts/hide_columns.sql hides by a
-- copy of it, word for word (a test compares them). PostgreSQL 15 to 18; whatever it reads, everybody may read.
-- `$1`: the lines of the list, a JSON array of {line, text, schema, table, column, show, reason}, the names as LIKE patterns. `$2`: the role,
-- or empty: the one that runs this. One row a hidden column ("is": "column"), one a finding.
WITH RECURSIVE reader AS (SELECT r.oid, quote_ident(r.rolname) AS q FROM pg_roles r WHERE r.rolname = coalesce(nullif($2::text, ''), current_user)),
     -- The role itself and every role that it could become, whether it inherits or not.
     reach AS MATERIALIZED (SELECT g.oid, quote_ident(g.rolname) AS q FROM reader, pg_roles g WHERE pg_has_role(reader.oid, g.oid, 'MEMBER')),
     -- The lines.
     rules AS MATERIALIZED (
        SELECT * FROM json_to_recordset($1::text::json) AS r(line int, text text, schema text, "table" text, "column" text, show text, reason text)),
     -- Whatever has columns. `internal`: what TimescaleDB keeps for itself.
     relations AS MATERIALIZED (
        SELECT c.oid, c.relkind, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname) AS name, n.nspname LIKE '\_timescaledb%' AS internal,
               CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END AS kind,
               -- It reads with the rights of whoever reads it.
               coalesce((SELECT option_value::boolean FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false) AS invoker,
               (SELECT bool_or(has_schema_privilege(reach.oid, n.oid, 'USAGE')) FROM reach) AS usable
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'hidden_columns')
          AND n.nspname NOT LIKE 'pg\_temp\_%'),
     -- What the lines match: relations, columns.
     named AS MATERIALIZED (SELECT r.oid, u.line FROM relations r JOIN rules u ON r.nspname LIKE u.schema AND r.relname LIKE u."table"
               -- The script makes the views there itself.
               WHERE NOT r.internal AND (r.nspname <> 'masked' OR u.schema = 'masked')),
     matched AS MATERIALIZED (
        SELECT n.oid, a.attnum, a.attname, u.*
        FROM named n JOIN rules u USING (line) JOIN pg_attribute a ON a.attrelid = n.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname LIKE u."column"),
     -- Partitions go with their table.
     listed AS MATERIALIZED (
        SELECT DISTINCT ON (m.oid, m.attnum) m.* FROM matched m
        WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN matched p ON p.oid = i.inhparent AND p.attname = m.attname WHERE i.inhrelid = m.oid)
        ORDER BY m.oid, m.attnum, m.show IS NULL, m.line),
     -- The same values elsewhere: in partitions, chunks and children; in the compressed form of a hypertable, which has the same columns and
     -- its own beside them; in the table behind a continuous aggregate.
     hypertables AS MATERIALIZED (
        SELECT r.oid, (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
                       AND (NOT r.internal OR a.attname NOT LIKE '\_ts\_meta\_%')) AS columns,
               r.internal AND r.relname ~ '^(_compressed_hypertable_|compress_hyper_)' AS compressed
        FROM relations r WHERE r.relkind = 'r' AND (r.internal OR EXISTS (
            SELECT FROM pg_inherits i JOIN relations k ON k.oid = i.inhrelid AND k.internal WHERE i.inhparent = r.oid))),
     copies(of, oid) AS MATERIALIZED (
        SELECT inhparent, inhrelid FROM pg_inherits
        UNION ALL
        -- A table shows what its partitions and children hold.
        SELECT i.inhrelid, i.inhparent FROM pg_inherits i JOIN relations r ON r.oid = i.inhrelid AND NOT r.internal
        UNION ALL
        SELECT h.oid, k.oid FROM hypertables h JOIN hypertables k ON k.compressed AND NOT h.compressed AND k.columns = h.columns
        UNION ALL
        SELECT w.ev_class, r.oid FROM relations r JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite w ON w.oid = d.objid WHERE r.internal AND r.relname LIKE '\_materialized\_hypertable\_%' GROUP BY 1, 2),
     -- Every column that is to be hidden, and the listed one for which it is.
     hidden(oid, attnum, attname, root, line) AS (
        SELECT l.oid, l.attnum, l.attname, l.oid, l.line FROM listed l
        UNION
        SELECT a.attrelid, a.attnum, a.attname, h.root, h.line
        FROM hidden h JOIN copies c ON c.of = h.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = h.attname AND a.attnum > 0 AND NOT a.attisdropped),
     titles AS MATERIALIZED (SELECT l.oid, l.attnum, format('%s.%I', r.name, l.attname) AS name FROM listed l JOIN relations r USING (oid)),
     -- Those that the role can read, and whose grant it is if not the owner's: of a role that it can become, or by another grantor.
     open AS MATERIALIZED (
        SELECT h.*, r.name AS place, r.internal,
               (SELECT min(format('SET ROLE %I; REVOKE SELECT ON %s FROM %s, PUBLIC; RESET ROLE', pg_get_userbyid(x.grantor), r.name, reader.q))
                FROM reader, pg_class c, aclexplode(c.relacl) AS x
                WHERE c.oid = h.oid AND x.grantee IN (0, reader.oid) AND x.privilege_type = 'SELECT' AND x.grantor <> c.relowner) AS revoke,
               (SELECT string_agg(g.q, ', ' ORDER BY g.q) FROM reach g, reader
                WHERE g.oid <> reader.oid AND has_column_privilege(g.oid, h.oid, h.attnum, 'SELECT')) AS via
        FROM hidden h JOIN relations r ON r.oid = h.oid
        WHERE r.usable AND EXISTS (SELECT FROM reach g WHERE has_column_privilege(g.oid, h.oid, h.attnum, 'SELECT'))),
     -- Which views read which columns. PostgreSQL notes no column for a reference to a whole row. What is too long to be searched counts as one.
     views AS MATERIALIZED (
        SELECT w.ev_class AS oid, d.refobjid AS of, array_agg(d.refobjsubid) AS nums,
               CASE WHEN octet_length(w.ev_action::text) > 10000000 THEN true ELSE w.ev_action ~ ':varattno 0 ' END AS whole_rows
        FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class AND r.relkind IN ('v', 'm')
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
        GROUP BY w.oid, w.ev_class, d.refobjid, w.ev_action),
     parts(oid, function) AS MATERIALIZED (
        SELECT a.aggfnoid::oid, f FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid, a.aggmtransfn::oid,
            a.aggminvtransfn::oid, a.aggmfinalfn::oid]) AS f WHERE f <> 0),
     -- An aggregate runs its functions with the rights of its owner. `opaque`: its text tells nothing. `makes_sql`: it runs what it is given
     -- or makes, or reads files, pages or statistics.
     functions AS MATERIALIZED (
        SELECT p.oid, p.proname, p.prosrc, p.prosqlbody IS NOT NULL AS parsed,
               p.prosecdef OR EXISTS (SELECT FROM parts a JOIN pg_proc f ON f.oid = a.function WHERE a.oid = p.oid AND f.prosecdef) AS prosecdef,
               l.lanname NOT IN ('sql', 'plpgsql', 'internal') OR length(p.prosrc) > 1000000 AS opaque,
               l.lanname <> 'internal' AND left(p.prosrc, 1000000) ~* ('\m(execute|\w+_to_xml\w*|ts_stat|ts_rewrite|dblink\w*|crosstab\w*|connectby|'
                   'xpath_table|pg_read_\w+|pg_relation_filepath|lo_\w+|get_raw_page|pg_logical_slot_\w+|pg_stats\w*|pg_statistic\w*)\M') AS makes_sql,
               CASE WHEN octet_length(p.prosqlbody::text) > 10000000 THEN true ELSE p.prosqlbody ~ ':varattno 0 ' END AS whole_rows,
               (pg_identify_object('pg_proc'::regclass, p.oid, 0)).identity AS name, pg_get_userbyid(p.proowner) AS owner,
               has_schema_privilege(reader.oid, p.pronamespace, 'USAGE')
                   AND EXISTS (SELECT FROM reach g WHERE has_function_privilege(g.oid, p.oid, 'EXECUTE')) AS usable
        FROM reader, pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'hidden_columns')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
     -- Which views call which functions.
     calls(function, oid, kind) AS MATERIALIZED (
        SELECT DISTINCT d.refobjid, r.oid, r.relkind FROM pg_depend d JOIN functions f ON f.oid = d.refobjid JOIN pg_rewrite w ON w.oid = d.objid
        JOIN relations r ON r.oid = w.ev_class AND r.relkind IN ('v', 'm') WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_proc'::regclass),
     -- From the query of a continuous aggregate to its table.
     materialized(of, oid) AS MATERIALIZED (
        SELECT d.oid, m.oid FROM relations d JOIN relations m ON m.relname = replace(d.relname, '_direct_view_', '_materialized_hypertable_')
        WHERE d.internal AND m.internal AND d.relname LIKE '\_direct\_view\_%'),
     -- What may show what, as whole relations; and so what has to be looked into.
     leads(of, oid) AS MATERIALIZED (SELECT of, oid FROM views UNION SELECT of, oid FROM copies UNION SELECT of, oid FROM materialized),
     concerned(oid) AS (
        SELECT oid FROM (SELECT oid FROM hidden UNION SELECT oid FROM calls) AS x
        UNION SELECT l.oid FROM concerned c JOIN leads l ON l.of = c.oid),
     -- From which columns each of theirs comes; of 0 when that is not known. A query without another in it says so itself: the parts of its
     -- target list, each up to its name, and the tables by their number. Of a query in parts only the columns that it passes on are known,
     -- and of a set operation not even those, since PostgreSQL notes its first part only. A continuous aggregate is as its table is.
     queries AS MATERIALIZED (
        SELECT w.ev_class AS oid, x.tree, x.tree IS NOT NULL AND x.tree !~ ':setOperations \{' AS known,
               coalesce(regexp_count(x.tree, '\{QUERY '), 0) = 1 AS single,
               (SELECT r.oid FROM views v JOIN relations r ON r.oid = v.of AND r.internal AND r.relname LIKE '\_materialized\_hypertable\_%'
                WHERE v.oid = w.ev_class LIMIT 1) AS behind
        FROM (SELECT DISTINCT oid FROM concerned) AS c JOIN relations r ON r.oid = c.oid AND r.relkind IN ('v', 'm') JOIN pg_rewrite w ON w.ev_class = c.oid
        CROSS JOIN LATERAL (SELECT CASE WHEN octet_length(w.ev_action::text) <= 10000000 THEN w.ev_action::text END AS tree) AS x),
     tables AS MATERIALIZED (
        SELECT q.oid, t.num, CASE WHEN t.m[1] = '0' THEN t.m[2]::bigint ELSE 0 END AS of
        FROM queries q, regexp_matches(q.tree, ':rtekind (\d+)(?: :relid (\d+))?', 'g') WITH ORDINALITY AS t(m, num) WHERE q.single),
     pieces AS MATERIALIZED (
        SELECT q.oid, p.num, p.text, regexp_match(p.text, ':resno (\d+) :resname [^<]') AS ends
        FROM queries q, regexp_split_to_table(substring(q.tree FROM ':targetList \((.*)$'), '\{TARGETENTRY :expr ') WITH ORDINALITY AS p(text, num)
        WHERE q.single AND q.known),
     entries AS MATERIALIZED (
        SELECT p.oid, p.text, (first_value(p.ends[1]) OVER (PARTITION BY p.oid, p.part ORDER BY p.num DESC))::int AS attnum
        FROM (SELECT *, count(*) FILTER (WHERE ends IS NOT NULL)
                  OVER (PARTITION BY oid ORDER BY num ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS part FROM pieces) AS p
        WHERE p.part > 0),
     passed AS MATERIALIZED (
        SELECT q.oid, m[1]::int AS attnum, m[2]::bigint AS of, m[3]::int AS num
        FROM queries q, regexp_matches(q.tree,
            ':resno (\d+) :resname (?:\\.|[^ \\])+ :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (-?\d+) :resjunk false', 'g') AS t(m)
        WHERE q.known AND NOT q.single),
     outputs(oid, attnum, of, num) AS MATERIALIZED (
        SELECT q.oid, a.attnum::int, q.behind::bigint, b.attnum::int
        FROM queries q JOIN pg_attribute a ON a.attrelid = q.oid AND a.attnum > 0 JOIN pg_attribute b ON b.attrelid = q.behind AND b.attname = a.attname AND b.attnum > 0
        UNION
        SELECT e.oid, e.attnum, coalesce(e.origin[1]::bigint, t.of, 0), coalesce(e.origin[2], e.var[2])::int
        FROM (SELECT e.oid, e.attnum, v.var, regexp_match(e.text, '^\{VAR [^{]*\} :resno .* :resorigtbl ([1-9]\d*) :resorigcol (\d+) :resjunk') AS origin
              FROM entries e, regexp_matches(e.text, '\{VAR :varno (\d+) :varattno (-?\d+)', 'g') AS v(var)) AS e
        LEFT JOIN tables t ON t.oid = e.oid AND t.num = e.var[1]::bigint
        UNION
        -- What a window function goes through stands elsewhere.
        SELECT e.oid, e.attnum, 0, 0 FROM entries e WHERE e.text LIKE '%{WINDOWFUNC %'
        UNION
        SELECT q.oid, a.attnum, coalesce(p.of, 0), coalesce(p.num, 0)
        FROM queries q JOIN pg_attribute a ON a.attrelid = q.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN passed p ON p.oid = q.oid AND p.attnum = a.attnum
        WHERE NOT q.single AND q.behind IS NULL),
     -- The words of their texts, but of endless ones.
     words AS MATERIALIZED (SELECT DISTINCT f.oid, lower(w.w[1]) AS word FROM functions f, regexp_matches(left(f.prosrc, 1000000), '[[:alnum:]_$]+', 'g') AS w(w)),
     -- What shows what. A function by what its text names: as a whole (0), and all that is named.
     edges(from_class, of, num, class, oid, attnum) AS MATERIALIZED (
        SELECT 'pg_class'::regclass, o.of, o.num, 'pg_class'::regclass, o.oid, o.attnum FROM outputs o WHERE o.of > 0
        UNION
        SELECT 'pg_class'::regclass, v.of, CASE WHEN v.whole_rows THEN 0 ELSE n.num END, 'pg_class'::regclass, o.oid, o.attnum
        FROM outputs o JOIN views v ON v.oid = o.oid, unnest(v.nums) AS n(num) WHERE o.of = 0 AND (v.whole_rows OR n.num > 0)
        UNION
        -- A column that is generated from another.
        SELECT 'pg_class'::regclass, g.adrelid, d.refobjsubid, 'pg_class'::regclass, g.adrelid, g.adnum
        FROM pg_attrdef g JOIN pg_attribute a ON a.attrelid = g.adrelid AND a.attnum = g.adnum AND a.attgenerated <> ''
        JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.adrelid AND d.refobjsubid <> g.adnum
        UNION
        SELECT 'pg_class'::regclass, b.attrelid, b.attnum, 'pg_class'::regclass, a.attrelid, a.attnum
        FROM (SELECT * FROM copies UNION SELECT * FROM materialized) AS k JOIN concerned c ON c.oid = k.of JOIN pg_attribute b ON b.attrelid = k.of AND b.attnum > 0
        JOIN pg_attribute a ON a.attrelid = k.oid AND a.attname = b.attname AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT n.class, n.oid, 0, 'pg_proc'::regclass, w.oid, 0
        FROM words w JOIN (
            SELECT 'pg_class'::regclass AS class, r.oid, r.relname AS name FROM relations r JOIN concerned USING (oid)
            UNION ALL SELECT 'pg_proc'::regclass, oid, proname FROM functions) AS n ON lower(n.name) = w.word
        UNION
        -- A name that is no word.
        SELECT n.class, n.oid, 0, 'pg_proc'::regclass, f.oid, 0
        FROM (SELECT 'pg_class'::regclass AS class, r.oid, r.relname AS name FROM relations r JOIN concerned USING (oid)
              UNION ALL SELECT 'pg_proc'::regclass, oid, proname FROM functions) AS n, functions f
        WHERE n.name ~ '[^a-zA-Z0-9_$]' AND strpos(lower(left(f.prosrc, 1000000)), lower(n.name)) > 0
        UNION
        SELECT 'pg_proc'::regclass, a.function, 0, 'pg_proc'::regclass, a.oid, 0 FROM parts a
        UNION
        -- A view calls a function with the rights of whoever reads it, but what is filled from it with those of its owner. `pg_rewrite` is a view
        -- that shows something only where it fills another.
        SELECT v.class, v.of, 0, 'pg_class'::regclass, a.attrelid, a.attnum
        FROM (SELECT 'pg_proc'::regclass AS class, function AS of, oid FROM calls WHERE kind = 'm'
              UNION ALL SELECT 'pg_rewrite'::regclass, l.of, l.oid FROM leads l JOIN relations r ON r.oid = l.oid AND r.relkind <> 'v') AS v
        JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT 'pg_proc'::regclass, function, 0, 'pg_rewrite'::regclass, oid, 0 FROM calls WHERE kind = 'v'
        UNION
        SELECT 'pg_rewrite'::regclass, l.of, 0, 'pg_rewrite'::regclass, l.oid, 0 FROM leads l JOIN relations r ON r.oid = l.oid AND r.relkind = 'v'
        UNION
        SELECT d.refclassid, d.refobjid, CASE WHEN f.whole_rows THEN 0 ELSE d.refobjsubid END, 'pg_proc'::regclass, f.oid, 0
        FROM functions f JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass)
        WHERE f.parsed AND (d.refobjsubid > 0 OR d.refclassid = 'pg_proc'::regclass OR f.whole_rows)),
     -- What can show the values of a hidden column, and of which.
     shows(class, oid, attnum, root, root_num) AS (
        SELECT 'pg_class'::regclass, h.oid, h.attnum, l.oid, l.attnum FROM hidden h JOIN listed l ON l.oid = h.root AND l.attname = h.attname
        UNION
        SELECT e.class, e.oid, e.attnum::int2, s.root, s.root_num
        FROM shows s JOIN edges e ON e.from_class = s.class AND e.of = s.oid WHERE e.num IN (0, s.attnum)),
     -- Beyond the hidden columns themselves, and readable.
     shown AS MATERIALIZED (
        SELECT s.oid, a.attnum, a.attname, string_agg(DISTINCT l.name, ', ' ORDER BY l.name) AS of
        FROM shows s JOIN relations r ON r.oid = s.oid JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum = s.attnum
        JOIN titles l ON l.oid = s.root AND l.attnum = s.root_num
        WHERE s.class = 'pg_class'::regclass AND r.usable AND (s.oid, s.attnum) NOT IN (SELECT oid, attnum FROM hidden)
          -- A part of a value is meant to be read.
          AND NOT EXISTS (SELECT FROM listed p JOIN relations t ON t.oid = p.oid
                          WHERE r.nspname = 'masked' AND r.relname = t.nspname || '_' || t.relname AND a.attname = p.attname || '_' || replace(p.show, ' ', '_'))
          AND EXISTS (SELECT FROM reach g WHERE has_column_privilege(g.oid, s.oid, s.attnum, 'SELECT'))
        GROUP BY s.oid, a.attnum, a.attname),
     findings(refuse, rank, what, fix, oid, nums, function, inside) AS (
        SELECT true, 1, format('the role %s may read %s.%I, which is to be hidden (line %s: %s)%s', reader.q, r.name, o.attname, o.line, min(u.text),
                   CASE WHEN bool_or(o.oid <> o.root) THEN ': as ' || left(string_agg(o.place, ', ' ORDER BY o.place), 200) ELSE '' END
                   || coalesce(': as a member of ' || min(o.via), '')),
               coalesce(min(o.revoke) || '; then ', '')
                   || CASE WHEN min(o.via) IS NULL THEN '' ELSE format('REVOKE %s FROM %s, unless it inherits nothing of it; then ', min(o.via), reader.q) END
                   || 'on the host of the database: bash hide_columns.sh --apply',
               NULL::oid, NULL::int2[], NULL::oid, array_agg(o.oid::bigint) FILTER (WHERE o.internal)
        FROM reader, open o JOIN relations r ON r.oid = o.root JOIN rules u ON u.line = o.line GROUP BY reader.q, r.name, o.attname, o.line
        UNION ALL
        SELECT false, 2, format('the %s %s may show %s in its column%s %s, which the role %s may read%s', r.kind, r.name,
                   left(string_agg(DISTINCT s.of, ', '), 300), CASE WHEN count(DISTINCT s.attnum) > 1 THEN 's' ELSE '' END,
                   left(string_agg(quote_ident(s.attname), ', ' ORDER BY s.attnum), 300), reader.q,
                   CASE WHEN r.kind = 'table' THEN '' ELSE ' with the rights of ' || quote_ident(pg_get_userbyid(c.relowner)) END),
               format('REVOKE SELECT ON %s FROM %s, PUBLIC', r.name, reader.q)
                   -- A grant of columns fails where TimescaleDB keeps rows compressed: there all of it is closed.
                   || coalesce('; GRANT SELECT (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(reader.oid, r.oid, a.attnum, 'SELECT')
                          AND NOT a.attnum = ANY (array_agg(s.attnum))
                          AND NOT EXISTS (SELECT FROM hidden h WHERE h.oid = r.oid AND h.attnum = a.attnum)
                          AND NOT EXISTS (SELECT FROM copies k JOIN relations t ON t.oid = k.oid AND t.internal WHERE k.of = r.oid))
                       || ') ON ' || r.name || ' TO ' || reader.q, ''),
               r.oid, array_agg(s.attnum), NULL, NULL
        FROM reader, shown s JOIN relations r USING (oid) JOIN pg_class c USING (oid)
        -- What stands behind a continuous aggregate that shows it too is not named beside that.
        WHERE NOT r.invoker AND (NOT r.internal OR NOT EXISTS (
            SELECT FROM shown u JOIN queries q ON q.oid = u.oid JOIN relations b ON b.oid = q.behind
            WHERE substring(b.relname FROM '\d+$') = substring(r.relname FROM '^_(?:direct_view|partial_view|materialized_hypertable|hyper)_(\d+)')))
        GROUP BY reader.oid, reader.q, r.kind, r.name, r.oid, c.relowner
        UNION ALL
        -- It shows no value of it, but what it keeps, joins, groups or sorts may tell one.
        SELECT false, 2, format('the %s %s filters, joins, groups or sorts by %s with the rights of %I', r.kind, r.name,
                   left(string_agg(DISTINCT l.name, ', ' ORDER BY l.name), 300), pg_get_userbyid(c.relowner)),
               format('read its definition; if it tells too much: REVOKE SELECT ON %s FROM %s, PUBLIC', r.name, reader.q), NULL, NULL, NULL, NULL
        FROM reader, views v JOIN relations r ON r.oid = v.oid AND r.usable AND NOT r.internal AND NOT r.invoker JOIN pg_class c ON c.oid = v.oid
        JOIN shows s ON s.class = 'pg_class'::regclass AND s.oid = v.of AND s.attnum = ANY (v.nums) JOIN titles l ON l.oid = s.root AND l.attnum = s.root_num
        WHERE r.nspname <> 'masked' AND NOT EXISTS (SELECT FROM shows o WHERE o.class = 'pg_class'::regclass AND o.oid = v.oid)
          AND EXISTS (SELECT FROM reach g WHERE has_any_column_privilege(g.oid, r.oid, 'SELECT'))
        GROUP BY reader.q, r.kind, r.name, c.relowner
        UNION ALL
        -- Statistics hold values. The views of PostgreSQL over them ask who reads, but what is filled from them has asked its owner.
        SELECT false, 2, format('the %s %s reads the planner''s statistics with the rights of %I, and may show values of hidden columns', r.kind, r.name,
                   pg_get_userbyid(c.relowner)), format('REVOKE SELECT ON %s FROM %s, PUBLIC', r.name, reader.q), r.oid,
               (SELECT array_agg(a.attnum) FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped), NULL, NULL
        FROM reader, relations r JOIN pg_class c ON c.oid = r.oid JOIN pg_rewrite w ON w.ev_class = r.oid
        WHERE r.kind <> 'table' AND r.usable AND NOT r.internal AND EXISTS (SELECT FROM hidden) AND octet_length(w.ev_action::text) <= 10000000
          AND w.ev_action ~ (CASE r.relkind WHEN 'm' THEN format(':relid (%s|%s|%s|%s|%s) ', 'pg_statistic'::regclass::oid, 'pg_statistic_ext_data'::regclass::oid,
              'pg_stats'::regclass::oid, 'pg_stats_ext'::regclass::oid, 'pg_stats_ext_exprs'::regclass::oid)
              ELSE format(':relid (%s|%s) ', 'pg_statistic'::regclass::oid, 'pg_statistic_ext_data'::regclass::oid) END)
          AND EXISTS (SELECT FROM reach g WHERE has_any_column_privilege(g.oid, r.oid, 'SELECT'))
        UNION ALL
        SELECT false, 3, format('the function %s runs with the rights of %I and may show %s: %s', f.name, f.owner,
                   left(string_agg(DISTINCT l.name, ', ' ORDER BY l.name), 300), CASE WHEN f.opaque THEN 'its text cannot be read'
                       WHEN bool_or(s.oid IS NOT NULL) THEN 'its text names what holds it' ELSE 'it runs SQL that it is given or makes, or reads files or statistics' END),
               format('REVOKE EXECUTE ON ROUTINE %s FROM %s, PUBLIC', f.name, reader.q), NULL, NULL, f.oid, NULL
        FROM reader, functions f LEFT JOIN shows s ON s.class = 'pg_proc'::regclass AND s.oid = f.oid
        JOIN titles l ON s.oid IS NULL OR l.oid = s.root AND l.attnum = s.root_num
        WHERE f.prosecdef AND f.usable AND (s.oid IS NOT NULL OR f.opaque OR f.makes_sql)
        GROUP BY f.oid, f.name, f.owner, f.opaque, reader.q
        UNION ALL
        SELECT false, 4, format('the %s %s reads hidden columns with the rights of whoever queries it, so every query of it is refused', r.kind, r.name),
               format('write it anew without %s', left(string_agg(DISTINCT l.name, ', ' ORDER BY l.name), 300)), NULL, NULL, NULL, NULL
        FROM shows s JOIN relations r ON r.oid = s.oid AND r.invoker
        JOIN titles l ON l.oid = s.root AND l.attnum = s.root_num
        WHERE s.class = 'pg_class'::regclass AND r.usable AND EXISTS (SELECT FROM reach g WHERE has_any_column_privilege(g.oid, r.oid, 'SELECT'))
        GROUP BY r.kind, r.name
        UNION ALL
        SELECT false, 4, format('the function %s names %s and runs with the rights of whoever calls it: where it reads that, a call of it is refused',
                   f.name, left(string_agg(DISTINCT l.name, ', ' ORDER BY l.name), 300)), 'write it anew without that', NULL, NULL, NULL, NULL
        FROM shows s JOIN functions f ON s.class = 'pg_proc'::regclass AND f.oid = s.oid JOIN titles l ON l.oid = s.root AND l.attnum = s.root_num
        JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum = l.attnum
        WHERE NOT f.prosecdef AND f.usable AND (f.parsed OR EXISTS (SELECT FROM words w WHERE w.oid = f.oid AND w.word = lower(a.attname)))
        GROUP BY f.oid, f.name
        UNION ALL
        SELECT false, 5, format('line %s of the hidden columns (%s) matches no column', u.line, u.text), 'correct it, or remove it', NULL, NULL, NULL, NULL
        FROM rules u WHERE NOT EXISTS (SELECT FROM matched m WHERE m.line = u.line)
        UNION ALL
        SELECT false, 6, format('the role %s may not read %s.%I, and no line of the hidden columns lists it', reader.q, r.name, a.attname),
               'if it came later: on the host of the database: bash hide_columns.sh --apply; if it is to stay hidden: add it to the list', NULL, NULL, NULL, NULL
        FROM reader, relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE NOT r.internal AND r.usable AND has_any_column_privilege(reader.oid, r.oid, 'SELECT')
          AND NOT has_column_privilege(reader.oid, r.oid, a.attnum, 'SELECT')
          AND NOT EXISTS (SELECT FROM hidden h WHERE h.oid = r.oid AND h.attnum = a.attnum)
          -- Unless it shows one: then it is closed on purpose.
          AND NOT EXISTS (SELECT FROM shows s WHERE s.class = 'pg_class'::regclass AND s.oid = r.oid AND s.attnum = a.attnum)
        UNION ALL
        SELECT false, 7, format('the bounds of the partitions of %s stand in the catalog, where everybody may read them, and with them values of its hidden '
                   'column %I', r.name, h.attname),
               'partition it by another column', NULL, NULL, NULL, NULL
        FROM hidden h JOIN relations r ON r.oid = h.oid JOIN pg_partitioned_table p ON p.partrelid = h.oid AND h.attnum = ANY (p.partattrs::int2[])
        UNION ALL
        SELECT false, 8, format('%s has row policies, which masked.%I passes by: it reads with the rights of their owner', r.name, m.relname),
               'remove the = from its lines and apply the list again', NULL, NULL, NULL, NULL
        FROM relations r JOIN pg_class c ON c.oid = r.oid AND c.relrowsecurity
        JOIN relations m ON m.nspname = 'masked' AND m.relname = r.nspname || '_' || r.relname AND m.usable
        UNION ALL
        SELECT false, 9, format('this cluster''s view pg_stats_ext_exprs is of before PostgreSQL 15.7 and 16.3 and shows statistics of hidden columns of %s',
                   r.name),
               'run share/postgresql/fix-CVE-2024-4317.sql of PostgreSQL in each database', NULL, NULL, NULL, NULL
        FROM relations r
        WHERE r.oid IN (SELECT oid FROM hidden) AND EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = r.oid AND e.stxexprs IS NOT NULL)
          AND pg_get_viewdef('pg_stats_ext_exprs'::regclass) !~ 'pg_has_role|has_column_privilege|has_table_privilege')
SELECT j FROM (
    SELECT 0 AS place, r.name || '.' || h.attname AS name, json_build_object(
               'is', 'column', 'schema', r.nspname, 'table', r.relname, 'column', h.attname, 'reason', min(u.reason),
               'instead', (SELECT format('masked.%I.%I', m.relname, a.attname)
                           FROM pg_class m JOIN pg_attribute a ON a.attrelid = m.oid JOIN pg_namespace n ON n.oid = m.relnamespace
                           WHERE n.nspname = 'masked' AND m.relname = r.nspname || '_' || r.relname
                             AND a.attname = h.attname || '_' || replace(min(u.show), ' ', '_')
                             AND has_schema_privilege(reader.oid, n.oid, 'USAGE') AND has_column_privilege(reader.oid, m.oid, a.attnum, 'SELECT')),
               'oid', r.oid::bigint, 'num', h.attnum, 'line', min(h.line), 'rule', min(u.text))::text AS j
    FROM reader, hidden h JOIN relations r ON r.oid = h.oid AND NOT r.internal JOIN rules u USING (line)
    GROUP BY reader.oid, r.oid, r.name, r.nspname, r.relname, h.attname, h.attnum
    UNION ALL
    SELECT CASE WHEN refuse THEN 1 ELSE 2 END, rank || what,
           json_build_object('is', 'finding', 'refuse', refuse, 'what', what, 'fix', fix, 'oid', oid::bigint, 'nums', nums,
                             'function', function::bigint, 'inside', inside)::text FROM findings) AS found
ORDER BY place, name
