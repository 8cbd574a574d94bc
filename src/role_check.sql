-- One row a finding. `$1`: JSON array of the schemas that are meant to be readable.
WITH me AS (SELECT r.*, quote_ident(r.rolname) AS q FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
     relations AS (
        SELECT c.oid, c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) AS name,
               EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                       AND d.deptype = 'e') AS of_extension
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
          AND n.nspname NOT LIKE 'pg\_temp\_%'),
     -- The role itself and every role that it could become, whether it inherits or not.
     reach AS (SELECT g.oid FROM me, pg_catalog.pg_roles g WHERE NOT me.rolsuper AND pg_has_role(me.oid, g.oid, 'MEMBER')),
     writable AS (
        SELECT name, relkind FROM relations r WHERE EXISTS (SELECT 1 FROM reach WHERE CASE r.relkind
            WHEN 'S' THEN has_sequence_privilege(reach.oid, r.oid, 'USAGE, UPDATE')
            WHEN 'm' THEN false
            ELSE has_table_privilege(reach.oid, r.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
              OR has_any_column_privilege(reach.oid, r.oid, 'INSERT, UPDATE') END)),
     dangerous(name, does) AS (VALUES
        ('adminpack', 'writes files'), ('dblink', 'opens connections'), ('file_fdw', 'reads files'),
        ('postgres_fdw', 'opens connections'), ('plpython3u', 'runs programs'), ('plperlu', 'runs programs'),
        ('pltclu', 'runs programs'), ('plsh', 'runs programs'), ('pg_cron', 'runs jobs'), ('http', 'opens connections'),
        ('pg_net', 'opens connections'), ('aws_s3', 'exports data'), ('aws_lambda', 'runs programs'),
        ('pageinspect', 'reads pages past the grants'), ('pg_background', 'runs statements outside the transaction'),
        ('postgis_raster', 'can read files')),
     findings(refuse, rank, what, fix) AS (
        SELECT true, 1, format('the role %s %s', q, a.what), format('ALTER ROLE %s %s', q, a.fix)
        FROM me, LATERAL (VALUES (rolsuper, 'is a superuser', 'NOSUPERUSER'), (rolbypassrls, 'bypasses row security', 'NOBYPASSRLS'),
            (rolcreaterole, 'may create roles', 'NOCREATEROLE'), (rolcreatedb, 'may create databases', 'NOCREATEDB'),
            (rolreplication, 'may replicate', 'NOREPLICATION')) AS a(has, what, fix) WHERE a.has
        UNION ALL
        SELECT g.rolname <> ALL (ARRAY['pg_read_all_data', 'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'])
               AND g.rolname LIKE 'pg\_%', 2,
               format('the role %s is a member of %I', q, g.rolname), format('REVOKE %I FROM %s', g.rolname, q)
        FROM me, pg_catalog.pg_roles g
        WHERE NOT me.rolsuper AND g.rolname <> me.rolname AND pg_has_role(me.oid, g.oid, 'MEMBER')
        UNION ALL
        SELECT true, 3, format('the role %s may write to %s of the database''s tables: %s', q, count(*), left(string_agg(w.name, ', ' ORDER BY w.name), 300)),
               format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA … FROM %s (or FROM PUBLIC), make it the owner of nothing, and a member of no role that writes', q)
        FROM me, writable w WHERE w.relkind <> 'S' AND NOT me.rolsuper GROUP BY q
        UNION ALL
        SELECT true, 4, format('the role %s may create objects in the schema %I', q, n.nspname), format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %s', n.nspname, q)
        FROM me, pg_catalog.pg_namespace n
        WHERE NOT me.rolsuper AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%' AND EXISTS (SELECT 1 FROM reach WHERE has_schema_privilege(reach.oid, n.oid, 'CREATE'))
        UNION ALL
        SELECT p.priv = 'CREATE', 5, format('the role %s may create %s in this database', q, p.what), format('REVOKE %s ON DATABASE %I FROM PUBLIC, %s', p.priv, current_database(), q)
        FROM me, (VALUES ('CREATE', 'schemas'), ('TEMP', 'temporary tables')) AS p(priv, what)
        WHERE EXISTS (SELECT 1 FROM reach WHERE has_database_privilege(reach.oid, current_database(), p.priv))
        UNION ALL
        SELECT false, 6, format('the role %s may use %s sequences: %s', q, count(*), left(string_agg(w.name, ', ' ORDER BY w.name), 300)),
               format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA … FROM %s', q)
        FROM me, writable w WHERE w.relkind = 'S' AND NOT me.rolsuper GROUP BY q
        UNION ALL
        SELECT false, 7, format('the role %s may execute functions that run with their owner''s rights (SECURITY DEFINER): %s', q,
                   left(string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid::regprocedure::text), 300)),
               format('read each of them; REVOKE EXECUTE ON FUNCTION … FROM PUBLIC, %s where one changes anything', q)
        FROM me, pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE NOT me.rolsuper AND p.prosecdef AND n.nspname <> 'pg_catalog'
          AND p.proname <> 'st_estimatedextent' -- PostGIS' own, which checks the caller's right to the table
          AND has_schema_privilege(n.oid, 'USAGE')
          AND has_function_privilege(p.oid, 'EXECUTE') GROUP BY q
        UNION ALL
        SELECT false, 8, format('the role %s also reads the schema %I, which MCP_READABLE_SCHEMAS does not name', q, r.nspname),
               format('add %I to MCP_READABLE_SCHEMAS, or: REVOKE USAGE ON SCHEMA %I FROM PUBLIC, %s', r.nspname, r.nspname, q)
        FROM me, relations r
        WHERE NOT me.rolsuper AND r.relkind <> 'S' AND NOT r.of_extension AND r.nspname NOT LIKE '\_timescaledb%' AND r.nspname NOT LIKE 'timescaledb%'
          AND r.nspname NOT IN (SELECT json_array_elements_text($1::text::json))
          AND has_schema_privilege(r.nspname, 'USAGE') AND has_any_column_privilege(r.oid, 'SELECT') GROUP BY q, r.nspname
        UNION ALL
        SELECT false, 9, format('the extension %I is installed, which %s', e.extname, d.does),
               format('DROP EXTENSION %I, or REVOKE EXECUTE on its functions FROM PUBLIC', e.extname)
        FROM pg_catalog.pg_extension e JOIN dangerous d ON d.name = e.extname
        UNION ALL
        SELECT false, 10, format('the role %s may execute functions that a read-only transaction does not stop: %s', q, string_agg(p.proname, ', ' ORDER BY p.proname)),
               'apply scripts/analytics_ro_role.sql'
        FROM me, pg_catalog.pg_proc p
        WHERE NOT me.rolsuper AND p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')
          AND p.oid IN (SELECT to_regprocedure('pg_catalog.' || f) FROM unnest(ARRAY[
              'pg_try_advisory_lock(bigint)', 'pg_terminate_backend(integer,bigint)', 'pg_cancel_backend(integer)', 'set_config(text,text,boolean)',
              'pg_logical_emit_message(boolean,text,text)', 'pg_notify(text,text)', 'query_to_xml(text,boolean,boolean,text)', 'pg_sleep(double precision)']) AS f) GROUP BY q
        UNION ALL
        SELECT false, 11, format('the role %s may not execute pg_advisory_unlock_all(), by which sessions are cleaned, so each session serves one call only', q),
               format('GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_unlock_all() TO %s', q)
        FROM me WHERE NOT has_function_privilege('pg_catalog.pg_advisory_unlock_all()', 'EXECUTE')
        UNION ALL
        SELECT false, 12, format('the role %s has no %s of its own', q, s.name), format('ALTER ROLE %s SET %s = %s', q, s.name, s.value)
        FROM me, (VALUES ('default_transaction_read_only', 'on'), ('statement_timeout', '''30s'''),
                         ('idle_in_transaction_session_timeout', '''60s'''), ('lock_timeout', '''3s'''),
                         ('temp_file_limit', '''1GB''')) AS s(name, value)
        WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_db_role_setting x, unnest(x.setconfig) AS line
                          WHERE x.setrole = me.oid AND line LIKE s.name || '=%'))
SELECT json_build_object('refuse', refuse, 'what', what, 'fix', fix)::text AS j FROM findings ORDER BY refuse DESC, rank, what
