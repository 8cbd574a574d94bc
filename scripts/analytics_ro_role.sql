-- analytics_ro_role.sql — the read-only login role of the analytics MCP server.
--
-- Run as superuser on the target database; scripts/bootstrap_analytics_ro.sh does it on the database's host. By hand, with
-- the password on stdin so that no process list shows it:
--
--   { printf '\\set ro_pw %s\n' "$PW"; cat scripts/analytics_ro_role.sql; } | psql -X -U postgres -d tracksolid_db
--
-- One transaction: all of it or nothing. Running it again sets the password and everything else anew, nothing piles up.
-- PostgreSQL 15 to 18.
--
-- WHAT IT CHANGES FOR OTHERS. Everybody is a member of PUBLIC, so a right that PUBLIC has cannot be taken from one role.
-- The section "PUBLIC" at the end therefore takes three things from PUBLIC, in this database only:
--   * TEMPORARY on the database (temporary tables),
--   * CREATE on any schema that grants it to PUBLIC (schema public, if the database began before PostgreSQL 15),
--   * EXECUTE on the functions listed there, which a read-only transaction does not stop, or which show what the grants
--     hide; among them functions of TimescaleDB and PostGIS, where these are installed.
-- Each role that exists now and had such a right through PUBLIC gets it back by name in the same transaction, so nothing
-- changes for it. A role created LATER does not have it until someone grants it, for example
--   GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) TO new_role;
-- (pg_dump, and some frameworks, call set_config; migration tools lock with pg_advisory_lock; queues use pg_notify;
-- map programs such as QGIS call ST_EstimatedExtent.) TimescaleDB needs none of it: policies, compression, drop_chunks and
-- continuous aggregates of roles made later work (tried with 2.19.3).
-- `-v touch_public=off` leaves that section out; then these functions are kept from analysts by the server's guard alone. Where
-- TimescaleDB is installed `check` says so: PUBLIC may execute _timescaledb_functions.drop_chunk, which deletes data.
--
-- RUN IT AGAIN after ALTER EXTENSION timescaledb (or postgis) UPDATE: new functions come with EXECUTE for PUBLIC.
--
-- Variables (psql -v name=value):
--   ro_pw             password; required, never printed, kept out of the server's log
--   schemas           readable schemas                        default reporting,tracksolid,tickets,fuel
--                     (and analytics_meta, where it exists: analytics_meta.sql)
--   function_schemas  of these, where functions are granted   default reporting,tickets,fuel
--   connections       connection limit                        default 20
--   temp_file_limit   disk for one session's sorts            default 1GB
--   touch_public      on or off, see above                    default on
--   keep_public       functions of the list below that stay   default none, for example keep_public=set_config,pg_notify
--                     open to PUBLIC, analytics_ro included
\set ON_ERROR_STOP on
\set ECHO none
\set QUIET on

\if :{?schemas}
\else
  \set schemas reporting,tracksolid,tickets,fuel
\endif
\if :{?function_schemas}
\else
  \set function_schemas reporting,tickets,fuel
\endif
\if :{?connections}
\else
  \set connections 20
\endif
\if :{?temp_file_limit}
\else
  \set temp_file_limit 1GB
\endif
\if :{?touch_public}
\else
  \set touch_public on
\endif
\if :{?keep_public}
\else
  \set keep_public ''
\endif
\if :{?ro_pw}
\else
  \set ro_pw ''
\endif

BEGIN;
SET LOCAL client_min_messages = notice;
SET LOCAL search_path = pg_catalog;

DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'run this as a superuser (now %)', current_user;
    END IF;
    IF current_setting('server_version_num')::int < 150000 THEN
        RAISE EXCEPTION 'PostgreSQL 15 or newer is needed (this is %)', current_setting('server_version');
    END IF;
END $$;

-- ── The role ──────────────────────────────────────────────────────────────────────────────────────────────────────

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analytics_ro') THEN
        CREATE ROLE analytics_ro LOGIN;
    END IF;
END $$;

ALTER ROLE analytics_ro LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
    CONNECTION LIMIT :connections;

-- The password travels in a statement's text. Nothing that records statement texts may keep it: the log, pg_stat_activity,
-- pg_stat_statements and pgaudit (the last two are only set when they are loaded).
SELECT current_setting('log_statement') AS was_log_statement,
       current_setting('log_min_duration_statement') AS was_log_min_duration_statement,
       current_setting('log_min_duration_sample') AS was_log_min_duration_sample,
       current_setting('log_transaction_sample_rate') AS was_log_transaction_sample_rate,
       current_setting('log_min_error_statement') AS was_log_min_error_statement,
       current_setting('track_activities') AS was_track_activities,
       current_setting('pg_stat_statements.track_utility', true) IS NOT NULL AS has_statements,
       coalesce(current_setting('pg_stat_statements.track', true), 'top') AS was_track,
       current_setting('pgaudit.log', true) IS NOT NULL AS has_pgaudit,
       current_setting('pgaudit.log', true) AS was_pgaudit \gset
SET LOCAL log_statement = 'none';
SET LOCAL log_min_duration_statement = -1;
SET LOCAL log_min_duration_sample = -1;
SET LOCAL log_transaction_sample_rate = 0;
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL track_activities = off;
SET LOCAL password_encryption = 'scram-sha-256';
\if :has_statements
SET LOCAL pg_stat_statements.track = 'none';
\endif
\if :has_pgaudit
SET LOCAL pgaudit.log = 'none';
\endif

SELECT :'ro_pw' = '' AS no_password, length(:'ro_pw') < 16 AS short_password \gset
\if :no_password
DO $$ BEGIN RAISE EXCEPTION 'no password: set the psql variable ro_pw'; END $$;
\endif
\if :short_password
DO $$ BEGIN RAISE WARNING 'the password of analytics_ro is shorter than 16 characters'; END $$;
\endif
ALTER ROLE analytics_ro PASSWORD :'ro_pw';
\unset ro_pw

\if :has_pgaudit
SET LOCAL pgaudit.log = :'was_pgaudit';
\endif
\if :has_statements
SET LOCAL pg_stat_statements.track = :'was_track';
\endif
SET LOCAL track_activities = :'was_track_activities';
SET LOCAL log_min_error_statement = :'was_log_min_error_statement';
SET LOCAL log_transaction_sample_rate = :'was_log_transaction_sample_rate';
SET LOCAL log_min_duration_sample = :'was_log_min_duration_sample';
SET LOCAL log_min_duration_statement = :'was_log_min_duration_statement';
SET LOCAL log_statement = :'was_log_statement';

-- Defaults of its sessions. A session may change most of them, so they are a seat belt and not the boundary: that is the
-- GRANTs. temp_file_limit is the exception, only a superuser may change it.
ALTER ROLE analytics_ro SET default_transaction_read_only = on;
ALTER ROLE analytics_ro SET statement_timeout = '30s';
ALTER ROLE analytics_ro SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE analytics_ro SET lock_timeout = '3s';                        -- never queue behind DDL, nor make others queue behind
ALTER ROLE analytics_ro SET temp_file_limit = :'temp_file_limit';       -- a runaway sort ends before the disk is full
ALTER ROLE analytics_ro SET work_mem = '32MB';                          -- per sort or hash, times workers, times connections
ALTER ROLE analytics_ro SET hash_mem_multiplier = 2;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        ALTER ROLE analytics_ro SET transaction_timeout = '120s';
    END IF;
END $$;

-- ── What it may read ──────────────────────────────────────────────────────────────────────────────────────────────

SELECT format('GRANT CONNECT ON DATABASE %I TO analytics_ro', current_database()),
       format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM analytics_ro', current_database()) \gexec

-- hands the variables to the blocks below, for this transaction only; the catalogue of meaning is readable wherever it exists
SELECT set_config('analytics_ro.schemas', :'schemas' || CASE WHEN to_regnamespace('analytics_meta') IS NULL THEN '' ELSE ',analytics_meta' END, true) AS a, set_config('analytics_ro.function_schemas', :'function_schemas', true) AS b,
       set_config('analytics_ro.keep_public', :'keep_public', true) AS c \gset ignored_

-- ALL TABLES means tables, partitioned and foreign tables, views and materialised views: a matview such as reporting.v_trips
-- is covered here, and a future one by the default privileges, without a grant of its own. A matview that is dropped and
-- made again is a new object: only the default privileges of the role that makes it cover it.
DO $$
DECLARE
    s text;
    f record;
BEGIN
    FOR s IN SELECT DISTINCT trim(x) FROM unnest(string_to_array(current_setting('analytics_ro.schemas'), ',')) AS x WHERE trim(x) <> '' LOOP
        IF to_regnamespace(quote_ident(s)) IS NULL THEN
            RAISE NOTICE 'schema % does not exist here: skipped', s;
            CONTINUE;
        END IF;
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM analytics_ro', s);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM analytics_ro', s);    -- also heals a write grant made by hand
        EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM analytics_ro', s);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO analytics_ro', s);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO analytics_ro', s);
    END LOOP;

    -- A volatile SECURITY DEFINER function acts with its owner's rights and may be a writer: it is named, not granted.
    FOR f IN
        SELECT p.oid::regprocedure AS signature, p.prosecdef AND p.provolatile = 'v' AS risky,
               has_function_privilege('analytics_ro', p.oid, 'EXECUTE') AS reachable
        FROM pg_proc p
        WHERE p.prokind IN ('f', 'a', 'w')
          AND p.pronamespace IN (SELECT to_regnamespace(quote_ident(trim(x)))
                                 FROM unnest(string_to_array(current_setting('analytics_ro.function_schemas'), ',')) AS x)
          AND p.pronamespace IN (SELECT to_regnamespace(quote_ident(trim(x)))
                                 FROM unnest(string_to_array(current_setting('analytics_ro.schemas'), ',')) AS x)
    LOOP
        IF NOT f.risky THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO analytics_ro', f.signature);
        ELSIF NOT f.reachable THEN  -- else the last section names it
            RAISE NOTICE 'not granted: %, a volatile SECURITY DEFINER function', f.signature;
        END IF;
    END LOOP;
END $$;

-- Future objects. Default privileges belong to the role that CREATES an object, so they are set for each owner: the usual
-- ones of this database, and whoever owns the schema or a table or view in it today.
DO $$
DECLARE
    d record;
BEGIN
    FOR d IN
        WITH wanted AS (
            SELECT trim(x) AS schema,
                   trim(x) = ANY (SELECT trim(y) FROM unnest(string_to_array(current_setting('analytics_ro.function_schemas'), ',')) AS y) AS functions
            FROM unnest(string_to_array(current_setting('analytics_ro.schemas'), ',')) AS x
        ), owners AS (
            SELECT n.nspname::text AS schema, pg_get_userbyid(n.nspowner)::text AS owner FROM pg_namespace n
            UNION SELECT n.nspname, pg_get_userbyid(c.relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
            UNION VALUES ('reporting', 'tracksolid_owner'), ('tracksolid', 'tracksolid_owner'), ('tickets', 'postgres'), ('fuel', 'postgres')
        )
        SELECT w.schema, w.functions, o.owner, EXISTS (SELECT FROM pg_roles WHERE rolname = o.owner) AS known
        FROM wanted w JOIN owners o USING (schema)
        WHERE to_regnamespace(quote_ident(w.schema)) IS NOT NULL AND o.owner <> 'analytics_ro'
        ORDER BY 1, 3
    LOOP
        IF NOT d.known THEN
            RAISE NOTICE 'role % does not exist here: no default privileges for it in %', d.owner, d.schema;
            CONTINUE;
        END IF;
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT ON TABLES TO analytics_ro', d.owner, d.schema);
        IF d.functions THEN
            EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT EXECUTE ON FUNCTIONS TO analytics_ro', d.owner, d.schema);
        END IF;
    END LOOP;
END $$;

-- What hide_columns.sql has hidden stays hidden. Its event trigger sees to that, unless somebody has switched that off.
DO $$
BEGIN
    IF to_regprocedure('hidden_columns.apply()') IS NOT NULL THEN
        PERFORM hidden_columns.apply();
    END IF;
END $$;

-- ── PUBLIC: the statements that reach other roles ─────────────────────────────────────────────────────────────────

\if :touch_public

-- TEMPORARY: temporary tables take disk that temp_file_limit does not count, and are written even in a read-only transaction.
DO $$
DECLARE
    r name;
BEGIN
    FOR r IN SELECT rolname FROM pg_roles
             WHERE NOT rolsuper AND rolname <> 'analytics_ro' AND rolname !~ '^pg_' AND has_database_privilege(oid, current_database(), 'TEMPORARY') LOOP
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), r);
    END LOOP;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;

-- CREATE on schemas
DO $$
DECLARE
    s record;
    r name;
BEGIN
    FOR s IN SELECT n.oid, n.nspname FROM pg_namespace n, aclexplode(n.nspacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' LOOP
        FOR r IN SELECT rolname FROM pg_roles
                 WHERE NOT rolsuper AND rolname <> 'analytics_ro' AND rolname !~ '^pg_' AND has_schema_privilege(oid, s.oid, 'CREATE') LOOP
            EXECUTE format('GRANT CREATE ON SCHEMA %I TO %I', s.nspname, r);
        END LOOP;
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', s.nspname);
    END LOOP;
END $$;

-- EXECUTE on what a read-only transaction or the grants do not stop; a pattern has to match the whole name, and one that matches nothing in
-- this version is skipped. The pg_advisory_unlock functions are not on the list: they free only what their own session holds, and
-- the server calls pg_advisory_unlock_all after every query.
DO $$
DECLARE
    f record;
    r name;
    kept text[] := ARRAY(SELECT trim(x) FROM unnest(string_to_array(current_setting('analytics_ro.keep_public'), ',')) AS x);
BEGIN
    FOR f IN
        WITH refused (pattern, reason) AS (VALUES
            -- locks: survive ROLLBACK; enough of them fill the shared lock table and stop the whole cluster
            ('pg_(try_)?advisory_(xact_)?lock(_shared)?', 'takes a lock that outlives the transaction, or blocks other sessions'),
            -- other sessions: all analysts share this role, so each could end the others' queries
            ('pg_terminate_backend|pg_cancel_backend',    'ends or interrupts sessions of the same role'),
            -- settings
            ('set_config',                                'changes any user setting from within a SELECT: time limit, memory, search_path, PostGIS drivers'),
            -- the write-ahead log, transaction ids, snapshots
            ('pg_logical_emit_message',                   'writes WAL in any amount, and ROLLBACK does not take it back'),
            ('txid_current|pg_current_xact_id',           'uses up a transaction id'),
            ('pg_export_snapshot',                        'writes a file, and lets others keep an old snapshot'),
            -- signals to others
            ('pg_notify',                                 'sends messages to listening applications'),
            ('pg_sleep|pg_sleep_for|pg_sleep_until',      'holds a connection for nothing'),
            -- large objects: before PostgreSQL 16 written even in a read-only transaction; nobody reads them here
            ('lo_(create?|from_bytea|put|open|close|unlink|truncate|truncate64|lseek|lseek64|tell|tell64|get|import|export)|lowrite|loread',
                                                          'makes, changes or reads large objects, outside every schema grant'),
            -- SQL from text: hides a query from the guard, and packs a whole schema into one value past every row limit
            ('(query|table|schema|database|cursor)_to_xml(schema|_and_xmlschema)?', 'runs a query given as text, or dumps tables into one value'),
            ('ts_stat|ts_rewrite',                        'runs a query given as text'),
            -- libxml2 looks at no interrupt: exponential work from a small text, and not even pg_terminate_backend ends it
            ('xpath|xpath_exists|xmlexists',              'can run for ever, past every time limit and cancel request'),
            -- out of the database
            ('dblink.*',                                  'opens connections of its own, where nothing here applies (extension dblink)'),
            -- load on others
            ('pg_prewarm|autoprewarm_.*',                 'pushes other data out of the buffer cache (extension pg_prewarm)'),
            -- TimescaleDB: these look neither at the owner nor, drop_chunk, at READ ONLY. Not compress_chunk: the compression
            -- policies of roles made later call it as their owners.
            ('drop_chunk|drop_osm_chunk|attach_osm_table_chunk|(un)?freeze_chunk|create_compressed_chunk|hypertable_osm_range_update|lock_osm_chunk_dimension_slice|cagg_migrate_update_watermark',
                                                          'changes or deletes chunks of any owner'),
            -- PostGIS: where the geometries of a table are, by the planner's statistics
            ('st_estimatedextent|_postgis_(stats|selectivity|join_selectivity|index_extent)', 'shows statistics of tables that the role may not read')
        )
        SELECT p.oid, p.oid::regprocedure AS signature, p.proname
        FROM pg_proc p JOIN refused x ON p.proname ~ ('^(' || x.pattern || ')$')
        -- the system's own, or an extension's: never a function that someone here wrote under such a name
        WHERE p.pronamespace = 'pg_catalog'::regnamespace OR p.pronamespace::regnamespace::text ~ '^_timescaledb_'
           OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        GROUP BY p.oid, p.proname
    LOOP
        CONTINUE WHEN f.proname = ANY (kept);
        -- the role itself may hold a grant of its own
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM analytics_ro', f.signature);
        CONTINUE WHEN NOT has_function_privilege('public', f.oid, 'EXECUTE');
        FOR r IN SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname <> 'analytics_ro' AND rolname !~ '^pg_' LOOP
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', f.signature, r);
        END LOOP;
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', f.signature);
    END LOOP;
END $$;

\else
DO $$ BEGIN RAISE NOTICE 'touch_public is off: PUBLIC keeps TEMPORARY, CREATE and EXECUTE where it had them, and so does analytics_ro'; END $$;
\endif

-- ── What is left ──────────────────────────────────────────────────────────────────────────────────────────────────

COMMENT ON ROLE analytics_ro IS 'Read-only role of the analytics MCP server; see analytics_ro_role.sql';

-- Rights from elsewhere are reported, not taken: someone gave them for a reason, or PUBLIC has them. What is reported is what
-- the server will find, since between the two marks stands src/role_check.sql, word for word; after a change of that file:
--   sed -i -e '/^\$role_check\$$/,/^\$role_check\$ USING/{//!d}' -e '/^\$role_check\$$/r src/role_check.sql' scripts/analytics_ro_role.sql
SET LOCAL ROLE analytics_ro;
DO $$
DECLARE
    x json;
BEGIN
    FOR x IN EXECUTE
$role_check$
-- Is the role that runs this suitable? This is the one definition: the server uses it, `analytics_mcp check` shows what it finds, and
-- scripts/analytics_ro_role.sql ends with a copy of it, word for word (a test compares them).
-- Refused is what lets the role change data or state, or become a role that can; all else is a warning. PostgreSQL 15 to 18.
-- One row a finding. `$1`: JSON array of the schemas that are meant to be readable.
WITH me AS (SELECT r.*, quote_ident(r.rolname) AS q FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
     attributes(oid, what, fix) AS (
        SELECT r.oid, a.what, a.fix FROM pg_catalog.pg_roles r, LATERAL (VALUES
            (rolsuper, 'is a superuser', 'NOSUPERUSER'), (rolbypassrls, 'bypasses row security', 'NOBYPASSRLS'),
            (rolcreaterole, 'may create roles', 'NOCREATEROLE'), (rolcreatedb, 'may create databases', 'NOCREATEDB'),
            (rolreplication, 'may replicate', 'NOREPLICATION')) AS a(has, what, fix) WHERE a.has),
     relations AS (
        SELECT c.oid, c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) AS name,
               EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                       AND d.deptype = 'e') AS of_extension
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
          AND n.nspname NOT LIKE 'pg\_temp\_%'),
     -- The role itself and every role that it could become, whether it inherits or not.
     reach AS (SELECT g.oid, g.rolname FROM me, pg_catalog.pg_roles g WHERE NOT me.rolsuper AND pg_has_role(me.oid, g.oid, 'MEMBER')),
     -- MAINTAIN (VACUUM, REFRESH, LOCK) is new in PostgreSQL 17, and older ones do not know the word. A null right is nobody's.
     rights(writing, maintain) AS (
        SELECT 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER' || coalesce(', ' || m, ''), m
        FROM (SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'MAINTAIN' END) AS v(m)),
     writable AS (
        SELECT name, relkind FROM relations r, rights WHERE EXISTS (SELECT 1 FROM reach WHERE CASE r.relkind
            WHEN 'S' THEN has_sequence_privilege(reach.oid, r.oid, 'USAGE, UPDATE')
            WHEN 'm' THEN has_table_privilege(reach.oid, r.oid, rights.maintain)
            ELSE has_table_privilege(reach.oid, r.oid, rights.writing)
              OR has_any_column_privilege(reach.oid, r.oid, 'INSERT, UPDATE') END)),
     functions AS (
        SELECT p.oid, p.proname, n.nspname, p.prosecdef, (pg_identify_object('pg_proc'::regclass, p.oid, 0)).identity AS name
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE EXISTS (SELECT 1 FROM reach WHERE has_function_privilege(reach.oid, p.oid, 'EXECUTE'))),
     dangerous(name, does) AS (VALUES
        ('adminpack', 'writes files'), ('dblink', 'opens connections'), ('file_fdw', 'reads files'),
        ('postgres_fdw', 'opens connections'), ('plpython3u', 'runs programs'), ('plperlu', 'runs programs'),
        ('pltclu', 'runs programs'), ('plsh', 'runs programs'), ('pg_cron', 'runs jobs'), ('http', 'opens connections'),
        ('pg_net', 'opens connections'), ('aws_s3', 'exports data'), ('aws_lambda', 'runs programs'),
        ('pageinspect', 'reads pages past the grants'), ('pg_background', 'runs statements outside the transaction'),
        ('postgis_raster', 'can read files')),
     role_script(apply) AS (
        SELECT 'apply scripts/analytics_ro_role.sql, with touch_public on and without keep_public'
               || CASE WHEN count(*) > 1 THEN '; and REVOKE the roles of which it is a member, since it has their rights too' ELSE '' END FROM reach),
     findings(refuse, rank, what, fix) AS (
        SELECT true, 1, format('the role %s %s', q, a.what), format('ALTER ROLE %s %s', q, a.fix) FROM me JOIN attributes a USING (oid)
        UNION ALL
        SELECT a.what IS NOT NULL OR g.rolname LIKE 'pg\_%'
               AND g.rolname <> ALL (ARRAY['pg_read_all_data', 'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables']), 2,
               format('the role %s is a member of %I%s', q, g.rolname, ', which ' || a.what), format('REVOKE %I FROM %s', g.rolname, q)
        FROM me, reach g LEFT JOIN (SELECT oid, string_agg(what, ', ') FROM attributes GROUP BY oid) AS a(oid, what) USING (oid)
        WHERE g.rolname NOT IN (me.rolname, 'pg_database_owner') -- the owner of the database is named below
        UNION ALL
        SELECT true, 3, format('the role %s may write to %s of the database''s tables: %s', q, count(*), left(string_agg(w.name, ', ' ORDER BY w.name), 300)),
               format('REVOKE %s ON ALL TABLES IN SCHEMA … FROM %s (or FROM PUBLIC), make it the owner of nothing, and a member of no role that writes', rights.writing, q)
        FROM me, writable w, rights WHERE w.relkind <> 'S' GROUP BY q, rights.writing
        UNION ALL
        SELECT true, 4, format('the role %s may advance %s sequences, which no rollback takes back: %s', q, count(*), left(string_agg(w.name, ', ' ORDER BY w.name), 300)),
               format('REVOKE USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA … FROM %s (or FROM PUBLIC)', q)
        FROM me, writable w WHERE w.relkind = 'S' GROUP BY q
        UNION ALL
        SELECT true, 5, CASE g.oid WHEN me.oid THEN format('the role %s owns %s', q, o.things) ELSE format('the role %s can become %I, which owns %s', q, g.rolname, o.things) END,
               CASE g.oid WHEN me.oid THEN format('REASSIGN OWNED BY %s TO …', q) ELSE format('REVOKE %I FROM %s', g.rolname, q) END
        FROM me, reach g, LATERAL (
            SELECT format('%s objects: %s', count(*), left(string_agg(i.type || ' ' || i.identity, ', ' ORDER BY i.type, i.identity), 300))
            FROM pg_catalog.pg_shdepend d, LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
            WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = g.oid AND d.deptype = 'o'
              AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
              -- these two are about a role rather than owned by it
              AND d.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
              AND coalesce(i.schema, '') NOT LIKE 'pg\_temp%' HAVING count(*) > 0) AS o(things)
        UNION ALL
        SELECT true, 6, format('the role %s may create objects in the schema %I', q, n.nspname), format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %s', n.nspname, q)
        FROM me, pg_catalog.pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%' AND EXISTS (SELECT 1 FROM reach WHERE has_schema_privilege(reach.oid, n.oid, 'CREATE'))
        UNION ALL
        SELECT p.priv = 'CREATE', 7, format('the role %s may create %s in this database', q, p.what), format('REVOKE %s ON DATABASE %I FROM PUBLIC, %s', p.priv, current_database(), q)
        FROM me, (VALUES ('CREATE', 'schemas'), ('TEMP', 'temporary tables')) AS p(priv, what)
        WHERE EXISTS (SELECT 1 FROM reach WHERE has_database_privilege(reach.oid, current_database(), p.priv))
        UNION ALL
        SELECT true, 8, format('the role %s may create objects in the tablespace %I', q, t.spcname), format('REVOKE CREATE ON TABLESPACE %I FROM PUBLIC, %s', t.spcname, q)
        FROM me, pg_catalog.pg_tablespace t WHERE EXISTS (SELECT 1 FROM reach WHERE has_tablespace_privilege(reach.oid, t.oid, 'CREATE'))
        UNION ALL
        SELECT true, 9, format('the role %s may change the server''s setting %s (ALTER SYSTEM)', q, a.parname), format('REVOKE ALTER SYSTEM ON PARAMETER %s FROM PUBLIC, %s', a.parname, q)
        FROM me, pg_catalog.pg_parameter_acl a WHERE EXISTS (SELECT 1 FROM reach WHERE has_parameter_privilege(reach.oid, a.parname, 'ALTER SYSTEM'))
        UNION ALL
        SELECT false, 10, format('the role %s may execute functions of TimescaleDB that change data without looking at its owner, drop_chunk even in a read-only transaction: %s',
                   q, string_agg(DISTINCT f.proname, ', ')), role_script.apply
        FROM me, functions f, role_script
        WHERE f.nspname LIKE '\_timescaledb\_%' AND f.proname IN ('drop_chunk', 'drop_osm_chunk', 'attach_osm_table_chunk', 'freeze_chunk', 'unfreeze_chunk',
              'create_compressed_chunk', 'hypertable_osm_range_update', 'lock_osm_chunk_dimension_slice', 'cagg_migrate_update_watermark') GROUP BY q, role_script.apply
        UNION ALL
        SELECT false, 11, format('the role %s may execute functions that run with their owner''s rights (SECURITY DEFINER): %s', q, left(string_agg(f.name, ', ' ORDER BY f.name), 300)),
               format('read each of them; REVOKE EXECUTE ON ROUTINE … FROM PUBLIC, %s where one changes anything', q)
        FROM me, functions f WHERE f.prosecdef AND f.nspname <> 'pg_catalog' AND has_schema_privilege(f.nspname, 'USAGE')
          AND f.proname <> 'st_estimatedextent' -- named next
        GROUP BY q
        UNION ALL
        SELECT false, 12, format('the role %s may execute functions that show statistics of tables which it may not read: %s', q, string_agg(DISTINCT f.proname, ', ')), role_script.apply
        FROM me, functions f, role_script
        WHERE f.proname IN ('st_estimatedextent', '_postgis_stats', '_postgis_selectivity', '_postgis_join_selectivity', '_postgis_index_extent') GROUP BY q, role_script.apply
        UNION ALL
        SELECT false, 13, format('the role %s also reads the schema %I, which MCP_READABLE_SCHEMAS does not name', q, r.nspname),
               format('add %I to MCP_READABLE_SCHEMAS, or: REVOKE USAGE ON SCHEMA %I FROM PUBLIC, %s', r.nspname, r.nspname, q)
        FROM me, relations r
        WHERE NOT me.rolsuper AND r.relkind <> 'S' AND NOT r.of_extension AND r.nspname NOT LIKE '\_timescaledb%' AND r.nspname NOT LIKE 'timescaledb%' AND r.nspname <> 'analytics_meta'
          -- The parts of values that hide_columns.sql shows.
          AND NOT (r.nspname = 'masked' AND EXISTS (SELECT 1 FROM pg_catalog.pg_namespace h WHERE h.nspname = 'hidden_columns'))
          AND r.nspname NOT IN (SELECT json_array_elements_text($1::text::json))
          AND has_schema_privilege(r.nspname, 'USAGE') AND has_any_column_privilege(r.oid, 'SELECT') GROUP BY q, r.nspname
        UNION ALL
        SELECT false, 14, format('the extension %I is installed, which %s', e.extname, d.does),
               format('DROP EXTENSION %I, or REVOKE EXECUTE on its functions FROM PUBLIC', e.extname)
        FROM pg_catalog.pg_extension e JOIN dangerous d ON d.name = e.extname
        UNION ALL
        SELECT false, 15, format('the role %s may execute functions that a read-only transaction does not stop: %s', q, string_agg(DISTINCT f.proname, ', ')), role_script.apply
        FROM me, functions f, role_script
        WHERE f.oid IN (SELECT to_regprocedure('pg_catalog.' || f) FROM unnest(ARRAY[
              'pg_try_advisory_lock(bigint)', 'pg_terminate_backend(integer,bigint)', 'pg_cancel_backend(integer)', 'set_config(text,text,boolean)',
              'pg_logical_emit_message(boolean,text,text)', 'pg_notify(text,text)', 'query_to_xml(text,boolean,boolean,text)', 'pg_sleep(double precision)']) AS f) GROUP BY q, role_script.apply
        UNION ALL
        SELECT false, 16, format('the role %s may not execute pg_advisory_unlock_all(), by which sessions are cleaned, so each session serves one call only', q),
               format('GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO %s', q)
        FROM me WHERE NOT has_function_privilege('pg_catalog.pg_advisory_unlock_all()', 'EXECUTE')
        UNION ALL
        SELECT false, 17, format('the role %s has no %s of its own', q, s.name), format('ALTER ROLE %s SET %s = %s', q, s.name, s.value)
        FROM me, (VALUES ('default_transaction_read_only', 'on'), ('statement_timeout', '''30s'''),
                         ('idle_in_transaction_session_timeout', '''60s'''), ('lock_timeout', '''3s'''),
                         ('temp_file_limit', '''1GB''')) AS s(name, value)
        WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_db_role_setting x, unnest(x.setconfig) AS line
                          WHERE x.setrole = me.oid AND line LIKE s.name || '=%'))
SELECT json_build_object('refuse', refuse, 'what', what, 'fix', fix)::text AS j FROM findings ORDER BY refuse DESC, rank, what
$role_check$ USING to_json(string_to_array(replace(current_setting('analytics_ro.schemas'), ' ', ''), ','))::text LOOP
        RAISE WARNING '%', CASE WHEN (x ->> 'refuse')::bool THEN 'the server will not start: ' ELSE '' END || (x ->> 'what') USING HINT = x ->> 'fix';
    END LOOP;
END $$;
COMMIT;
