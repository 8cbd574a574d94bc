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
