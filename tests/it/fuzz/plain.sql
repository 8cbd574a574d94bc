-- The database in which the guard alone has to stop what a read-only transaction does not: PUBLIC keeps every right, each
-- extension that this PostgreSQL brings along is installed, and there are things to be broken.
DO $$
DECLARE
    e record;
BEGIN
    -- An attempt to create timescaledb ends the session, unless the library was loaded at the start.
    FOR e IN SELECT name FROM pg_available_extensions
             WHERE installed_version IS NULL AND (name !~ '^timescaledb' OR current_setting('shared_preload_libraries') ~ 'timescaledb') ORDER BY name LIKE '%tiger%', name LOOP
        BEGIN
            EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', e.name);
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE 'without %: %', e.name, sqlerrm;
        END;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA reporting, tracksolid, tickets, fuel TO fuzz_plain;
GRANT SELECT ON ALL TABLES IN SCHEMA reporting, tracksolid, tickets, fuel TO fuzz_plain;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reporting, tickets, fuel TO fuzz_plain;
-- Functions of extensions in schemas of their own can be called as well.
DO $$
DECLARE
    s name;
BEGIN
    FOR s IN SELECT nspname FROM pg_namespace WHERE nspname IN ('topology', 'tiger', 'tiger_data') LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO fuzz_plain; GRANT SELECT ON ALL TABLES IN SCHEMA %I TO fuzz_plain', s, s);
    END LOOP;
END $$;

CREATE SEQUENCE tickets.fuzz_sequence;
GRANT ALL ON SEQUENCE tickets.fuzz_sequence TO fuzz_plain;
SELECT lo_from_bytea(4711, 'untouched');
GRANT ALL ON LARGE OBJECT 4711 TO fuzz_plain;
