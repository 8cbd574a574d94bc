-- What the tests add to their copy of the demo database (it_db): a table to attack, and functions that leave a mess behind
-- from inside a query. They are SECURITY DEFINER where analytics_ro may not do the same itself.
ALTER DATABASE it_db SET timezone = 'Africa/Nairobi';  -- CREATE DATABASE does not copy it
CREATE SCHEMA it;
GRANT USAGE ON SCHEMA it, reporting, tracksolid, tickets, fuel TO analytics_ro, it_plain, it_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA reporting, tracksolid, tickets, fuel TO it_plain, it_writer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reporting, tickets, fuel TO it_plain, it_writer;

CREATE TABLE it.target (id int PRIMARY KEY, note text NOT NULL);
INSERT INTO it.target SELECT n, 'untouched' FROM generate_series(1, 10) AS n;
GRANT SELECT ON it.target TO analytics_ro, it_plain;
GRANT ALL ON it.target TO it_writer;
CREATE SEQUENCE it.numbers;
GRANT USAGE ON SEQUENCE it.numbers TO it_writer;
GRANT CREATE ON SCHEMA it TO it_writer;
GRANT CREATE, TEMPORARY ON DATABASE it_db TO it_writer;

-- Waits without work. `name` is there so that a test finds its own call in pg_stat_activity.
CREATE FUNCTION it.nap(seconds double precision, name text DEFAULT '') RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
AS $$ BEGIN PERFORM pg_sleep(seconds); RETURN 1; END $$;

-- The lock outage under an inconspicuous name.
CREATE FUNCTION it.score(seed bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
AS $$ SELECT pg_try_advisory_lock(seed) $$;

-- Any one statement, with the caller's rights: stands for whatever a function of the database may do.
CREATE FUNCTION it.run(statement text) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$ BEGIN EXECUTE statement; RETURN 'done'; END $$;

-- The same with the owner's rights, a superuser's.
CREATE FUNCTION it.run_as_owner(statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
AS $$ BEGIN EXECUTE statement; RETURN 'done'; END $$;

-- What may be read in part, and what may not: no error may name the rest.
CREATE TABLE it.half (id int, shown text, hidden_note text);
GRANT SELECT (id, shown) ON it.half TO analytics_ro;
CREATE TABLE it.closed (id int, closed_code text);
CREATE FUNCTION it.closed_total(days int) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION it.closed_total(int) FROM PUBLIC;
