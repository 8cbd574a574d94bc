-- hide_columns.sql — hides columns from the role analytics_ro by PostgreSQL's own privileges, and checks it.
--
-- Run as superuser on the target database; scripts/hide_columns.sh does it on the database's host. By hand:
--
--   psql -X -U postgres -d tracksolid_db -v rules="$(base64 < FILE | tr -d '\n')" -v apply=on -f scripts/hide_columns.sql
--
-- FILE: a column a line, see docs/hidden-columns.md. Without apply=on everything is done, checked and rolled back: the dry run.
-- One transaction: all of it or nothing, since the check at its end counts what could not be closed. Running it again changes nothing, without some of the lines it undoes those. PostgreSQL 15 to 18.
--
-- WHAT IT PUTS INTO THE DATABASE, all of it gone again with the last line:
--   * schema hidden_columns: the list, what has been hidden by it, and the functions that make the grants agree with it. Nobody else can use
--     it; members of pg_read_all_data can read it, the owner of a table with a hash the key;
--   * event trigger hide_columns: calls apply() after each CREATE, ALTER and GRANT that could uncover a column, so that a table made later
--     is hidden from birth. It never stops what others do: when it fails, it warns, and what is new cannot be read until the role script runs again;
--   * schema masked, where a line wants a part of a value: views with that part, readable by analytics_ro. Their tables cannot be dropped, nor
--     the columns in them changed, without them: run the script without those lines before, and with them after.
-- A table that PUBLIC could read is given by name to each other role that exists; a role made later gets nothing of it. A dump of the database needs pg_read_all_data
-- then, or pg_dump --exclude-schema=hidden_columns.
--
-- Variables (psql -v name=value):
--   rules    the file in base64; required
--   apply    on or off                          default off: a dry run
--   strict   on or off                          default as at the last run, off at the first; on: also closes what shows a hidden column by
--                                               another way, now and later
\set ON_ERROR_STOP on
\set ECHO none
\set QUIET on
\set SHOW_CONTEXT never
\pset tuples_only on
\pset format unaligned
\pset pager off
\if :{?apply}
\else
  \set apply off
\endif
\if :{?strict}
\else
  \set strict ''
\endif

\if :{?rules}
\else
  \set rules ''
\endif

BEGIN;
SELECT :'rules' = '' AS no_rules, :'apply' NOT IN ('on', 'off') OR :'strict' NOT IN ('on', 'off', '') AS odd \gset
\if :no_rules
-- A file that is not there must not count as one without lines.
DO $$ BEGIN RAISE EXCEPTION 'no list: set the psql variable rules to the file in base64; to undo all, a file with a comment only'; END $$;
\endif
\if :odd
DO $$ BEGIN RAISE EXCEPTION 'apply and strict are on or off'; END $$;
\endif
SET LOCAL client_min_messages = warning;
-- With pg_temp last: it would be searched first otherwise, and whoever runs a statement can make things there.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '3s';
SET LOCAL jit = off;
-- What the script does itself fires no event trigger. Only superusers can set this.
SET LOCAL session_replication_role = replica;

DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'run this as a superuser (now %)', current_user;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analytics_ro') THEN
        RAISE EXCEPTION 'there is no role analytics_ro: apply scripts/analytics_ro_role.sql first';
    END IF;
    IF EXISTS (SELECT FROM pg_roles r, (
                   SELECT nspowner AS owner FROM pg_namespace WHERE nspname IN ('hidden_columns', 'masked')
                   UNION ALL SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace('hidden_columns')
                   UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace('hidden_columns')) AS o
               WHERE r.oid = o.owner AND NOT r.rolsuper)
       OR to_regnamespace('masked') IS NOT NULL AND to_regclass('hidden_columns.part') IS NULL THEN
        RAISE EXCEPTION 'there is a schema hidden_columns or masked that this script has not made: rename it';
    END IF;
END $$;

-- ── What was before ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE TEMP VIEW readable AS
    SELECT c.oid AS relation, a.attnum, format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'masked') AND n.nspname NOT LIKE '\_timescaledb\_%'
      AND has_schema_privilege('analytics_ro', n.oid, 'USAGE') AND has_column_privilege('analytics_ro', c.oid, a.attnum, 'SELECT');
CREATE OR REPLACE TEMP VIEW callable AS
    SELECT p.oid, (pg_identify_object('pg_proc'::regclass, p.oid, 0)).identity AS name FROM pg_proc p
    WHERE p.pronamespace <> 'pg_catalog'::regnamespace AND has_function_privilege('analytics_ro', p.oid, 'EXECUTE');
CREATE TEMP TABLE before ON COMMIT DROP AS SELECT * FROM readable;
CREATE TEMP TABLE called ON COMMIT DROP AS SELECT * FROM callable;

-- What an earlier run has hidden is undone by its own functions: those of this file may keep other things.
SELECT to_regprocedure('hidden_columns.undo()') IS NOT NULL AS applied \gset
CREATE TEMP TABLE was (relation oid, attnum int2, rule text) ON COMMIT DROP;
SELECT :'strict' AS strict_given, CASE :'strict' WHEN '' THEN 'off' ELSE :'strict' END AS strict \gset
\if :applied
-- Two runs at once, or one and the trigger, wait for each other.
LOCK TABLE hidden_columns.list IN EXCLUSIVE MODE;
SELECT CASE :'strict_given' WHEN '' THEN CASE WHEN strict THEN 'on' ELSE 'off' END ELSE :'strict' END AS strict FROM hidden_columns.list \gset
INSERT INTO was SELECT relation, attnum, rule FROM hidden_columns.hidden;
SELECT hidden_columns.undo() \g /dev/null
DELETE FROM hidden_columns.list;
\endif

-- ── What is kept in the database ──────────────────────────────────────────────────────────────────────────────────

-- The tables stay: a backup may be reading them, and an older snapshot of another session the list. A later version of this file adds
-- columns with ALTER TABLE … ADD COLUMN IF NOT EXISTS.
CREATE SCHEMA IF NOT EXISTS hidden_columns;
CREATE TABLE IF NOT EXISTS hidden_columns.list (rules text NOT NULL, strict boolean NOT NULL);
-- What is closed, and by which line; by strict, if by none. `taken`: it could be read before. The name beside the number, since a restored dump numbers columns anew.
CREATE TABLE IF NOT EXISTS hidden_columns.hidden (relation regclass NOT NULL, attnum int2 NOT NULL, attname name NOT NULL, rule text, taken boolean NOT NULL,
    PRIMARY KEY (relation, attname));
CREATE TABLE IF NOT EXISTS hidden_columns.closed (function regprocedure PRIMARY KEY, public boolean NOT NULL);
-- Of each of these tables: columns with a greater number have been added since. What could be read before, and by whom: `named`: the role has
-- a grant of its own; `whole`: of the table; `public`: what everybody could. `rest`: it can still read some of it.
CREATE TABLE IF NOT EXISTS hidden_columns.seen (
    relation regclass PRIMARY KEY, attnum int2 NOT NULL, named boolean NOT NULL, whole boolean NOT NULL, public text, rest boolean NOT NULL);
-- Statements that take back what other roles got by name because it was taken from PUBLIC; only from the same object, unless it is theirs now.
CREATE TABLE IF NOT EXISTS hidden_columns.given (undo text PRIMARY KEY, object oid NOT NULL, role text NOT NULL);
CREATE TABLE IF NOT EXISTS hidden_columns.part (view name PRIMARY KEY, definition text NOT NULL);
CREATE TABLE IF NOT EXISTS hidden_columns.key (key bytea NOT NULL);

-- Between the two marks stands src/role_check/hidden_columns.sql, word for word; after a change of that file:
--   sed -i -e '/^\$look\$$/,/^\$look\$ LANGUAGE/{//!d}' -e '/^\$look\$$/r src/role_check/hidden_columns.sql' scripts/hide_columns.sql
CREATE OR REPLACE FUNCTION hidden_columns.look(text, text) RETURNS SETOF text STABLE
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET jit = off AS
$look$
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
$look$ LANGUAGE sql;

-- The list as JSON, or the first line that is wrong.
CREATE OR REPLACE FUNCTION hidden_columns.read(file text) RETURNS text STABLE SET search_path = pg_catalog, pg_temp AS
$read$
DECLARE
    part CONSTANT text := '("(?:[^"]|"")+"|[^\s."#=]+)';
    l record;
    m text[];
    patterns text[];
    rules jsonb := '[]';
BEGIN
    FOR l IN SELECT btrim(x, E' \t\r\uFEFF') AS text, n FROM unnest(string_to_array(file, E'\n')) WITH ORDINALITY AS t(x, n) LOOP
        CONTINUE WHEN l.text = '' OR l.text LIKE '#%';
        m := regexp_match(l.text, '^' || part || '\.' || part || '\.' || part || '\s*(?:=\s*(last [1-9]|year|hash)\s*)?(?:#(.*))?$');
        IF m IS NULL THEN
            RAISE EXCEPTION 'line % of the list is wrong: %', l.n, l.text
                USING HINT = 'write schema.table.column, then perhaps = last 4, = year or = hash, then # and the reason; * stands for any '
                    'characters; a name with other characters than letters, digits and _ stands in double quotes';
        END IF;
        IF concat(m[1], m[2], m[3]) ~ '[[:cntrl:]\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3000\ufeff]' THEN
            RAISE EXCEPTION 'line % of the list has an invisible character in a name: %', l.n, l.text;
        END IF;
        IF jsonb_array_length(rules) >= 1000 THEN
            RAISE EXCEPTION 'line % of the list: there are more than 1000; let * stand for several columns', l.n;
        END IF;
        SELECT array_agg(CASE WHEN x LIKE '"%' THEN replace(substr(p, 2, length(p) - 2), '""', '"') ELSE replace(p, '*', '%') END ORDER BY n) INTO patterns
        FROM unnest(m[1:3]) WITH ORDINALITY AS t(x, n), LATERAL (SELECT replace(replace(replace(x, '\', '\\'), '%', '\%'), '_', '\_')) AS e(p);
        rules := rules || jsonb_build_object(
            'line', l.n, 'text', btrim(regexp_replace(l.text, '^(' || part || '\.' || part || '\.' || part || ').*$', '\1')),
            'schema', patterns[1], 'table', patterns[2], 'column', patterns[3], 'show', m[4], 'reason', nullif(left(btrim(m[5], E' \t\r'), 300), ''));
    END LOOP;
    RETURN rules;
END
$read$ LANGUAGE plpgsql;

-- What the role (0: everybody) can read of it by a grant of its own: null is nothing, empty all, else a list of columns.
CREATE OR REPLACE FUNCTION hidden_columns.held(relation oid, grantee oid) RETURNS text STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT '' FROM pg_class c, aclexplode(c.relacl) AS x WHERE c.oid = $1 AND x.grantee = $2 AND x.privilege_type = 'SELECT'
    UNION ALL
    SELECT '(' || string_agg(quote_ident(a.attname), ', ') || ')' FROM pg_attribute a, aclexplode(a.attacl) AS x
    WHERE a.attrelid = $1 AND NOT a.attisdropped AND x.grantee = $2 AND x.privilege_type = 'SELECT' LIMIT 1
$$ LANGUAGE sql;

-- The roles that get by name what is taken from PUBLIC. Not those whose rights analytics_ro has too.
CREATE OR REPLACE FUNCTION hidden_columns.others() RETURNS TABLE (oid oid, role text) STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT r.oid, quote_ident(r.rolname) FROM pg_roles r
    WHERE NOT r.rolsuper AND r.rolname NOT LIKE 'pg\_%' AND NOT pg_has_role('analytics_ro', r.oid, 'MEMBER')
$$ LANGUAGE sql;

-- Gives the role these columns of a relation and no others, or all of it.
CREATE OR REPLACE FUNCTION hidden_columns.grant(relation oid, columns text, whole boolean) RETURNS void SET search_path = pg_catalog, pg_temp AS
$grant$
DECLARE
    name CONSTANT text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation);
    inside CONSTANT oid := to_regnamespace('_timescaledb_internal');
    restoring CONSTANT text := current_setting('timescaledb.restoring', true);
    other text;
    list text;
BEGIN
    IF NOT whole AND hidden_columns.held(relation, 0) IS NOT NULL THEN
        FOR other, list IN
            SELECT o.role, CASE WHEN hidden_columns.held(relation, 0) = '' AND hidden_columns.held(relation, o.oid) IS NULL THEN '' ELSE '(' || string_agg(quote_ident(a.attname), ', ') || ')' END
            FROM hidden_columns.others() AS o, pg_class c, pg_attribute a
            WHERE c.oid = relation AND c.relowner <> o.oid AND a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
              AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS x WHERE x.grantee = o.oid AND x.privilege_type = 'SELECT')
              AND NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = o.oid AND x.privilege_type = 'SELECT')
              AND (hidden_columns.held(relation, 0) = '' OR EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'SELECT'))
            GROUP BY o.oid, o.role
        LOOP
            EXECUTE format('GRANT SELECT %s ON %s TO %s', list, name, other);
            INSERT INTO hidden_columns.given
            VALUES (format('REVOKE SELECT %s ON %s FROM %s', list, name, other), relation, other) ON CONFLICT DO NOTHING;
        END LOOP;
        EXECUTE format('REVOKE SELECT ON %s FROM PUBLIC', name);
    END IF;
    -- It also takes the grants of single columns.
    EXECUTE format('REVOKE SELECT ON %s FROM analytics_ro CASCADE', name);
    IF whole THEN
        EXECUTE format('GRANT SELECT ON %s TO analytics_ro', name);
    ELSIF columns IS NOT NULL THEN
        -- TimescaleDB would hand the grant on to the compressed form of the table, which has not these columns, and fail.
        IF EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid WHERE i.inhparent = relation AND k.relnamespace = inside)
           OR EXISTS (SELECT FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
                      JOIN pg_class k ON k.oid = d.refobjid WHERE w.ev_class = relation AND k.relnamespace = inside) THEN
            PERFORM set_config('timescaledb.restoring', 'on', true);
        END IF;
        EXECUTE format('GRANT SELECT (%s) ON %s TO analytics_ro', columns, name);
        IF inside IS NOT NULL THEN PERFORM set_config('timescaledb.restoring', coalesce(restoring, 'off'), true); END IF;
    END IF;
END
$grant$ LANGUAGE plpgsql;

-- Makes numbers and names agree again after a rename or a restored dump, and forgets what is gone.
CREATE OR REPLACE FUNCTION hidden_columns.renumber() RETURNS void SET search_path = pg_catalog, pg_temp AS
$renumber$
BEGIN
    DELETE FROM hidden_columns.hidden WHERE ctid IN (
        SELECT h.ctid FROM hidden_columns.hidden h
        WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = h.relation AND NOT a.attisdropped AND (a.attnum = h.attnum OR a.attname = h.attname))
        FOR UPDATE SKIP LOCKED);
    DELETE FROM hidden_columns.seen WHERE ctid IN (
        SELECT s.ctid FROM hidden_columns.seen s WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.relation) FOR UPDATE SKIP LOCKED);
    UPDATE hidden_columns.hidden h SET attname = a.attname FROM pg_attribute a
    WHERE a.attrelid = h.relation AND a.attnum = h.attnum AND a.attname <> h.attname
        AND NOT EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = h.relation AND o.attname = h.attname AND o.attnum > 0 AND NOT o.attisdropped);
    UPDATE hidden_columns.hidden h SET attnum = a.attnum FROM pg_attribute a
    WHERE a.attrelid = h.relation AND a.attname = h.attname AND a.attnum <> h.attnum;
END
$renumber$ LANGUAGE plpgsql;

-- Takes from the role what the list hides, and with strict what shows it by another way.
CREATE OR REPLACE FUNCTION hidden_columns.apply() RETURNS void
SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET jit = off SET session_replication_role = 'replica' AS
$apply$
DECLARE
    r record;
    other text;
    rows json[];
BEGIN
    LOCK TABLE hidden_columns.list IN ROW EXCLUSIVE MODE;
    PERFORM hidden_columns.renumber();
    rows := ARRAY(SELECT t::json FROM hidden_columns.list l, hidden_columns.look(l.rules, 'analytics_ro') AS t);
    -- Also what cannot be read anyhow: a partition that is detached, or a table that is renamed, is closed before somebody grants it.
    INSERT INTO hidden_columns.hidden
    SELECT (j ->> 'oid')::oid, (j ->> 'num')::int2, j ->> 'column', j ->> 'rule', false FROM unnest(rows) AS j
    WHERE j ->> 'is' = 'column' AND NOT has_column_privilege('analytics_ro', (j ->> 'oid')::oid, (j ->> 'num')::int2, 'SELECT')
      AND NOT EXISTS (SELECT FROM hidden_columns.hidden h WHERE h.relation = (j ->> 'oid')::oid AND h.attname = j ->> 'column') ON CONFLICT DO NOTHING;
    FOR r IN
        WITH found AS (SELECT l.strict, j FROM hidden_columns.list l, unnest(rows) AS j)
        SELECT (j ->> 'function')::oid AS function, NULL::oid AS relation, NULL::int2[] AS hide, NULL::jsonb AS rules, NULL AS columns, NULL::int2 AS last, false AS inside
        FROM found WHERE strict AND j ->> 'function' IS NOT NULL
        UNION ALL
        SELECT NULL, a.attrelid, array_agg(a.attnum) FILTER (WHERE h.hide AND h.readable), x.rules,
               string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE NOT h.hide AND h.readable), max(a.attnum),
               a.attrelid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace = to_regnamespace('_timescaledb_internal'))
        FROM (SELECT relation, array_agg(num) AS nums, jsonb_object_agg(num, rule) FILTER (WHERE rule IS NOT NULL) AS rules FROM (
                SELECT (j ->> 'oid')::oid AS relation, (j ->> 'num')::int2 AS num, j ->> 'rule' AS rule FROM found WHERE j ->> 'is' = 'column'
                UNION ALL SELECT (j ->> 'oid')::oid, json_array_elements_text(j -> 'nums')::int2, NULL FROM found
                    WHERE json_typeof(j -> 'nums') = 'array' AND (strict OR (j ->> 'oid')::oid IN (
                        SELECT c.oid FROM pg_class c WHERE c.relnamespace IN (to_regnamespace('masked'), to_regnamespace('_timescaledb_internal'))))
                UNION ALL SELECT json_array_elements_text(j -> 'inside')::oid, 0, NULL FROM found WHERE json_typeof(j -> 'inside') = 'array'
                UNION ALL SELECT relation, attnum, rule FROM hidden_columns.hidden) AS x GROUP BY relation) AS x
        JOIN pg_attribute a ON a.attrelid = x.relation AND a.attnum > 0 AND NOT a.attisdropped
        CROSS JOIN LATERAL (
            SELECT a.attnum = ANY (x.nums) AS hide, has_column_privilege('analytics_ro', a.attrelid, a.attnum, 'SELECT') AS readable) AS h
        GROUP BY a.attrelid, x.rules
        -- Nothing else is written: two sessions that make tables do not wait for each other.
        HAVING bool_or(h.readable AND (h.hide OR 0 = ANY (x.nums)))
    LOOP
        -- One that cannot be closed leaves no other open. The look after it, and the server's, see it.
        BEGIN
            IF r.function IS NOT NULL THEN
                FOR other IN SELECT o.role FROM hidden_columns.others() AS o, pg_proc p
                             WHERE p.oid = r.function AND p.proowner <> o.oid AND has_function_privilege(o.oid, p.oid, 'EXECUTE')
                               AND NOT EXISTS (SELECT FROM aclexplode(p.proacl) AS x WHERE x.grantee = o.oid) LOOP
                    EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', r.function::regprocedure, other);
                    INSERT INTO hidden_columns.given
                    VALUES (format('REVOKE EXECUTE ON ROUTINE %s FROM %s', r.function::regprocedure, other), r.function, other) ON CONFLICT DO NOTHING;
                END LOOP;
                INSERT INTO hidden_columns.closed
                SELECT p.oid, EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x WHERE x.grantee = 0)
                FROM pg_proc p WHERE p.oid = r.function ON CONFLICT DO NOTHING;
                EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, analytics_ro CASCADE', r.function::regprocedure);
                CONTINUE;
            END IF;
            -- Nobody queries what TimescaleDB keeps there by its name: it is read through its hypertable.
            IF r.inside THEN
                EXECUTE format('REVOKE SELECT ON %s FROM analytics_ro, PUBLIC CASCADE', r.relation::regclass);
                CONTINUE;
            END IF;
            INSERT INTO hidden_columns.seen AS s
            VALUES (r.relation, r.last, hidden_columns.held(r.relation, 'analytics_ro'::regrole) IS NOT NULL,
                    has_table_privilege('analytics_ro', r.relation, 'SELECT'), hidden_columns.held(r.relation, 0), r.columns IS NOT NULL)
            ON CONFLICT (relation) DO UPDATE SET named = s.named OR excluded.named, whole = s.whole OR excluded.whole,
                public = coalesce(s.public, excluded.public), rest = excluded.rest;
            INSERT INTO hidden_columns.hidden
            SELECT a.attrelid, a.attnum, a.attname, r.rules ->> a.attnum::text, true
            FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attnum = ANY (r.hide) ON CONFLICT (relation, attname) DO UPDATE SET taken = true;
            PERFORM hidden_columns.grant(r.relation, r.columns, false);
            IF EXISTS (SELECT FROM unnest(r.hide) AS hide WHERE has_column_privilege('analytics_ro', r.relation, hide, 'SELECT')) THEN
                RAISE WARNING 'analytics_ro can still read hidden columns of %', r.relation::regclass
                    USING HINT = 'somebody other than its owner has granted it: analytics_mcp check names the statement';
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'analytics_ro may still read %: %', coalesce(r.relation::regclass::text, r.function::regprocedure::text), SQLERRM;
        END;
    END LOOP;
END
$apply$ LANGUAGE plpgsql;

-- Gives back what has been hidden, and opens columns that were added since: with all its columns, a table is readable as a whole.
CREATE OR REPLACE FUNCTION hidden_columns.undo() RETURNS void SET search_path = pg_catalog, pg_temp AS
$undo$
DECLARE
    r record;
BEGIN
    PERFORM hidden_columns.renumber();
    FOR r IN
        SELECT a.attrelid AS relation, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE x.allowed AND s.named) AS columns,
               bool_and(x.allowed) AND s.whole AND s.named AS whole, s.public
        FROM hidden_columns.seen s JOIN pg_attribute a ON a.attrelid = s.relation AND a.attnum > 0 AND NOT a.attisdropped
        CROSS JOIN LATERAL (SELECT a.attnum > s.attnum AND s.whole OR has_column_privilege('analytics_ro', a.attrelid, a.attnum, 'SELECT')
                                OR EXISTS (SELECT FROM hidden_columns.hidden h WHERE h.relation = a.attrelid AND h.attnum = a.attnum AND h.taken) AS allowed) AS x
        -- Where somebody has taken the rest of it since, nothing is given back.
        WHERE NOT s.rest OR has_any_column_privilege('analytics_ro', a.attrelid, 'SELECT')
        GROUP BY a.attrelid, s.public, s.whole, s.named
    LOOP
        BEGIN
            PERFORM hidden_columns.grant(r.relation, r.columns, r.whole);
            IF r.public IS NOT NULL THEN
                EXECUTE format('GRANT SELECT %s ON %s TO PUBLIC', r.public, r.relation::regclass);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '% stays as it is: %', r.relation::regclass, SQLERRM;
        END;
    END LOOP;
    FOR r IN SELECT c.function, c.public FROM hidden_columns.closed c JOIN pg_proc p ON p.oid = c.function LOOP
        BEGIN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO analytics_ro%s', r.function, CASE WHEN r.public THEN ', PUBLIC' ELSE '' END);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '% stays as it is: %', r.function, SQLERRM;
        END;
    END LOOP;
    FOR r IN SELECT g.undo
             FROM hidden_columns.given g JOIN (SELECT oid, relowner AS owner FROM pg_class UNION ALL SELECT oid, proowner FROM pg_proc) AS o ON o.oid = g.object
             WHERE g.role <> quote_ident(pg_get_userbyid(o.owner)) LOOP
        BEGIN
            EXECUTE r.undo;
        EXCEPTION WHEN OTHERS THEN
            -- The role or the thing may be gone.
            RAISE NOTICE '%: %', r.undo, SQLERRM;
        END;
    END LOOP;
    DELETE FROM hidden_columns.hidden;
    DELETE FROM hidden_columns.seen;
    DELETE FROM hidden_columns.closed;
    DELETE FROM hidden_columns.given;
END
$undo$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION hidden_columns.on_ddl() RETURNS event_trigger SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$on_ddl$
DECLARE
    made record;
BEGIN
    -- The look takes its time: not for tables and views without a listed column, which strict alone wants to see, as functions.
    IF EXISTS (
        SELECT FROM hidden_columns.list l, pg_event_trigger_ddl_commands() AS c LEFT JOIN pg_class r ON c.classid = 'pg_class'::regclass AND r.oid = c.objid
        WHERE c.schema_name IS DISTINCT FROM 'pg_temp' AND (l.strict
            OR r.oid IS NULL AND c.classid IS DISTINCT FROM 'pg_proc'::regclass
            OR EXISTS (SELECT FROM pg_inherits i WHERE r.oid IN (i.inhrelid, i.inhparent))
            OR EXISTS (SELECT FROM hidden_columns.hidden h WHERE h.relation = r.oid)
            OR EXISTS (SELECT FROM pg_attribute a, json_to_recordset(l.rules::json) AS u("column" text)
                       WHERE a.attrelid = r.oid AND a.attnum > 0 AND a.attname LIKE u."column"))) THEN
        PERFORM hidden_columns.apply();
    END IF;
EXCEPTION WHEN query_canceled OR OTHERS THEN
    RAISE WARNING 'columns of the list in the schema hidden_columns may be readable to analytics_ro now: %', SQLERRM
        USING HINT = 'run scripts/bootstrap_analytics_ro.sh again, which grants what is new and applies the list';
    -- What is new is better not read at all until then.
    FOR made IN SELECT objid::regclass AS name FROM pg_event_trigger_ddl_commands()
                WHERE classid = 'pg_class'::regclass AND schema_name <> 'pg_temp' AND command_tag ~ '^(CREATE|SELECT INTO)' LOOP
        BEGIN
            EXECUTE format('REVOKE SELECT ON %s FROM analytics_ro, PUBLIC', made.name);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING '%', SQLERRM;
        END;
    END LOOP;
END
$on_ddl$ LANGUAGE plpgsql;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA hidden_columns FROM PUBLIC;
DROP EVENT TRIGGER IF EXISTS hide_columns;
CREATE EVENT TRIGGER hide_columns ON ddl_command_end WHEN TAG IN (
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'CREATE FUNCTION', 'CREATE PROCEDURE', 'CREATE AGGREGATE',
    'CREATE SCHEMA', 'ALTER TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER FOREIGN TABLE', 'ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER TYPE', 'CREATE RULE', 'ALTER SCHEMA', 'GRANT')
    EXECUTE FUNCTION hidden_columns.on_ddl();

-- ── Hiding ────────────────────────────────────────────────────────────────────────────────────────────────────────

INSERT INTO hidden_columns.list SELECT hidden_columns.read(convert_from(decode(:'rules', 'base64'), 'UTF8')), :'strict' = 'on';
SELECT hidden_columns.apply() \g /dev/null

-- ── Parts of values ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TEMP TABLE masks ON COMMIT DROP AS
    WITH wanted AS (
        SELECT c.oid AS relation, n.nspname, c.relname, c.relowner, j ->> 'column' AS "column", l.show, (j ->> 'column') || '_' || replace(l.show, ' ', '_') AS name,
               (SELECT coalesce(nullif(y.typbasetype, 0), y.oid) FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum = (j ->> 'num')::int) AS type
        FROM hidden_columns.list AS k, hidden_columns.look(k.rules, 'analytics_ro') AS t, LATERAL (SELECT t::json) AS x(j),
             json_to_recordset(k.rules::json) AS l(line int, show text), pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE j ->> 'is' = 'column' AND (j ->> 'line')::int = l.line AND l.show IS NOT NULL AND c.oid = (j ->> 'oid')::oid AND NOT c.relispartition)
    SELECT relation, array_agg(name) AS names, nspname || '_' || relname AS view, format('%I.%I', nspname, relname) AS of, pg_get_userbyid(relowner) AS owner, bool_or(show = 'hash') AS hashes,
           format('SELECT %s FROM %I.%I AS t', concat_ws(', ',
               (SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege('analytics_ro', relation, a.attnum, 'SELECT')),
               string_agg(format(CASE show
                   WHEN 'year' THEN CASE WHEN type = 'timestamptz'::regtype THEN 'extract(year FROM t.%1$I AT TIME ZONE ''UTC'')::int AS %2$I' ELSE 'extract(year FROM t.%1$I)::int AS %2$I' END
                   -- With the key before and after it: nobody who has not the key can try values.
                   WHEN 'hash' THEN 'left(encode(sha256((SELECT key FROM hidden_columns.key) || convert_to(t.%1$I::text, ''UTF8'')'
                       ' || (SELECT key FROM hidden_columns.key)), ''hex''), 16) AS %2$I'
                   -- Of a short value that would be most of it.
                   ELSE 'CASE WHEN length(t.%1$I::text) >= 2 * %3$s THEN right(t.%1$I::text, %3$s) END AS %2$I' END,
                   "column", name, right(show, 1)), ', ' ORDER BY name)), nspname, relname) AS definition,
           -- The text of others depends on settings of whoever reads it: on a few readings all of it could be worked out.
           min("column") FILTER (WHERE type <> ALL (CASE show WHEN 'year' THEN ARRAY['date', 'timestamp', 'timestamptz']::regtype[]
               ELSE ARRAY['text', 'varchar', 'bpchar', 'int2', 'int4', 'int8', 'numeric', 'uuid']::regtype[] END)) AS wrong,
           string_agg(format('%s is %s', name, CASE show WHEN 'year' THEN 'the year of ' || "column"
               WHEN 'hash' THEN 'the same for the same ' || "column" ELSE format('the last %s characters of %s', right(show, 1), "column") END), '; ' ORDER BY name) AS about
    FROM wanted GROUP BY relation, nspname, relname, relowner;

DO $$
DECLARE
    r record;
    part record;
BEGIN
    IF EXISTS (SELECT FROM masks WHERE hashes) AND NOT EXISTS (SELECT FROM hidden_columns.key) THEN
        INSERT INTO hidden_columns.key VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
    END IF;
    IF EXISTS (SELECT FROM masks) THEN
        CREATE SCHEMA IF NOT EXISTS masked;
        GRANT USAGE ON SCHEMA masked TO analytics_ro;
    END IF;
    -- Also a view that went with its table, or whose table has another owner now.
    FOR r IN SELECT p.view FROM hidden_columns.part p LEFT JOIN masks m ON m.view = p.view AND m.definition = p.definition
                 AND m.owner = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass(format('masked.%I', p.view))) WHERE m.view IS NULL LOOP
        EXECUTE format('DROP VIEW IF EXISTS masked.%I', r.view);
        DELETE FROM hidden_columns.part WHERE view = r.view;
    END LOOP;
    FOR r IN SELECT view, string_agg(of, ' and ') AS of FROM masks GROUP BY view HAVING count(*) > 1 LOOP
        RAISE EXCEPTION 'both % would have their parts of values in a view masked.%: leave one of them out', r.of, r.view;
    END LOOP;
    FOR r IN SELECT m.of FROM masks m JOIN pg_class c ON c.oid = m.relation WHERE c.relrowsecurity LOOP
        RAISE EXCEPTION '% has row policies, which a view of its owner would pass by: no part of its values can be shown', r.of;
    END LOOP;
    FOR r IN SELECT m.of, a.attname FROM masks m JOIN pg_attribute a ON a.attrelid = m.relation AND a.attname = ANY (m.names) LOOP
        RAISE EXCEPTION '% has a column % already, as its part would be called: leave that out', r.of, r.attname;
    END LOOP;
    FOR r IN SELECT m.* FROM masks m LEFT JOIN hidden_columns.part p USING (view) WHERE p.view IS NULL LOOP
        IF r.wrong IS NOT NULL THEN
            RAISE EXCEPTION '%.% cannot be shown in part: last and hash need a text or a whole number, year a date or a time', r.of, r.wrong;
        END IF;
        IF octet_length(r.view) > 63 THEN
            RAISE EXCEPTION 'the view masked.% would have too long a name', r.view;
        END IF;
        EXECUTE format('CREATE VIEW masked.%I WITH (security_barrier) AS %s', r.view, r.definition);
        IF r.hashes THEN
            EXECUTE format('GRANT USAGE ON SCHEMA hidden_columns TO %I', r.owner);
            EXECUTE format('GRANT SELECT ON hidden_columns.key TO %I', r.owner);
        END IF;
        EXECUTE format('ALTER VIEW masked.%I OWNER TO %I', r.view, r.owner);
        EXECUTE format('GRANT SELECT ON masked.%I TO analytics_ro', r.view);
        EXECUTE format('COMMENT ON VIEW masked.%I IS %L', r.view, r.of || ' without its hidden columns: ' || r.about);
        FOR part IN SELECT a.attname, c FROM unnest(string_to_array(r.about, '; ')) AS c, pg_attribute a
                    WHERE a.attrelid = to_regclass(format('masked.%I', r.view)) AND c LIKE replace(a.attname, '_', '\_') || ' is %' LOOP
            EXECUTE format('COMMENT ON COLUMN masked.%I.%I IS %L', r.view, part.attname, part.c);
        END LOOP;
        INSERT INTO hidden_columns.part VALUES (r.view, r.definition);
    END LOOP;
END $$;

-- ── Check ─────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Not by SELECTs under SET ROLE: to plan one can run functions of the table's owner, and this session is a superuser's. The shell script
-- and the server's check try them in a session of the role itself.
CREATE TEMP TABLE found ON COMMIT DROP AS SELECT t::json AS j FROM hidden_columns.list l, hidden_columns.look(l.rules, 'analytics_ro') AS t;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT j ->> 'what' AS what, j ->> 'fix' AS fix FROM found WHERE (j ->> 'refuse')::boolean LOOP
        RAISE EXCEPTION 'nothing is hidden, since %', r.what USING HINT = r.fix;
    END LOOP;
    -- What has been renamed is not uncovered in silence: what a line has closed opens only without that line.
    FOR r IN SELECT w.rule, string_agg(b.name, ', ' ORDER BY b.name) AS names FROM was w JOIN readable b USING (relation, attnum)
             WHERE w.rule IN (SELECT u.text FROM hidden_columns.list l, json_to_recordset(l.rules::json) AS u(text text)) GROUP BY w.rule LOOP
        RAISE EXCEPTION '% would become readable, although the line that hides it (%) is still there', r.names, r.rule
            USING HINT = 'if it has been renamed, list it by its new name; if it may be read, remove that line';
    END LOOP;
END $$;

-- ── Report ────────────────────────────────────────────────────────────────────────────────────────────────────────

SELECT CASE n WHEN 0 THEN 'No column is hidden from analytics_ro.' WHEN 1 THEN '1 column is hidden from analytics_ro:'
    ELSE n || ' columns are hidden from analytics_ro:' END FROM (SELECT count(*) AS n FROM found WHERE j ->> 'is' = 'column') AS c;
SELECT format('  %s.%s.%s%s%s', j ->> 'schema', j ->> 'table', j ->> 'column', CASE WHEN b.relation IS NULL THEN '' ELSE ' (new)' END, '  # ' || (j ->> 'reason'))
    || coalesce(E'\n      a part of it: ' || (j ->> 'instead'), '')
FROM found LEFT JOIN before b ON b.relation = (j ->> 'oid')::oid AND b.attnum = (j ->> 'num')::int WHERE j ->> 'is' = 'column' ORDER BY 1;
SELECT E'Closed too (strict), because they show hidden columns:\n' || string_agg('  ' || name, E'\n' ORDER BY name) FROM (
    SELECT name FROM before EXCEPT SELECT name FROM readable EXCEPT SELECT format('%I.%I.%I', j ->> 'schema', j ->> 'table', j ->> 'column') FROM found WHERE j ->> 'is' = 'column'
    UNION ALL (SELECT name FROM called EXCEPT SELECT name FROM callable)) AS c(name) HAVING count(*) > 0;
SELECT E'Readable from now on:\n' || string_agg('  ' || name, E'\n' ORDER BY name) FROM (
    SELECT name FROM readable EXCEPT SELECT name FROM before UNION ALL (SELECT name FROM callable EXCEPT SELECT name FROM called)) AS c(name) HAVING count(*) > 0;
SELECT E'Still open. The statement below each closes it, for everybody who has it through PUBLIC. --strict closes it for analytics_ro alone,\n'
    'and so does, for a view, a line of the list with its column:\n'
    || string_agg(format(E'  %s\n      %s', j ->> 'what', j ->> 'fix'), E'\n')
FROM found WHERE j ->> 'oid' IS NOT NULL AND j ->> 'is' = 'finding' OR j ->> 'function' IS NOT NULL HAVING count(*) > 0;
SELECT E'To be looked at:\n' || string_agg(format(E'  %s\n      %s', j ->> 'what', j ->> 'fix'), E'\n')
FROM found WHERE j ->> 'is' = 'finding' AND j ->> 'oid' IS NULL AND j ->> 'function' IS NULL HAVING count(*) > 0;
SELECT 'Checked: analytics_ro has no privilege on ' || CASE n WHEN 1 THEN 'it' ELSE 'any of them' END || ', partitions and chunks included.'
FROM (SELECT count(*) AS n FROM found WHERE j ->> 'is' = 'column') AS c WHERE n > 0;

SELECT :'apply' = 'on' AS commits, NOT EXISTS (SELECT FROM hidden_columns.list WHERE rules <> '[]') AS empty \gset
\if :empty
DROP EVENT TRIGGER hide_columns;
-- What somebody else has put there is not dropped along.
DROP SCHEMA IF EXISTS masked;
DROP SCHEMA hidden_columns CASCADE;
\endif
\if :commits
COMMIT;
\echo Applied.
\else
ROLLBACK;
\echo Dry run: nothing has changed.
\endif
