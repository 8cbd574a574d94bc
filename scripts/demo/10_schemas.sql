-- 10_schemas.sql — roles, extension, schemas and helpers
--
-- The numbered files of this folder are run in order, as superuser, into an empty database (load.sh does it):
--   psql -v positions=1000000 -v now='2026-06-17 14:30' -v stale=0 -f 10_schemas.sql ...
-- Nothing is random, everything follows from hashes of row keys: the same `now` makes the same data, another one moves the
-- dates. The raw data end at `now` (local time), the nightly figures with the day before. With `stale` the feeds of trackers
-- and fuel cards stopped the evening before, and the tickets go on.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
\if :{?positions}
\else
  \set positions 1000000
\endif
\if :{?now}
\else
  SELECT now() AT TIME ZONE 'Africa/Nairobi' AS now \gset
\endif
\if :{?stale}
\else
  \set stale 0
\endif

BEGIN;

DO $$
BEGIN
    IF to_regnamespace('tracksolid') IS NOT NULL THEN
        RAISE EXCEPTION 'the schema tracksolid exists: the demo loads into an empty database only';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tracksolid_owner') THEN
        CREATE ROLE tracksolid_owner NOLOGIN;
    END IF;
END $$;

-- sessions of this database show and cut days as the fleet lives them
SELECT format('ALTER DATABASE %I SET timezone = %L', current_database(), 'Africa/Nairobi') \gexec
SET timezone = 'Africa/Nairobi';

CREATE EXTENSION IF NOT EXISTS postgis;

-- TimescaleDB only where it is installed and preloaded; positions then becomes a hypertable, else it is a plain table
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
       AND current_setting('shared_preload_libraries') ~ '\mtimescaledb\M' THEN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
    END IF;
END $$;

CREATE SCHEMA reporting  AUTHORIZATION tracksolid_owner;
CREATE SCHEMA tracksolid AUTHORIZATION tracksolid_owner;
CREATE SCHEMA tickets;
CREATE SCHEMA fuel;
CREATE SCHEMA infrastructure;

COMMENT ON SCHEMA reporting IS
  'Curated reporting layer; start here. One row per vehicle and day (v_daily_summary), per trip (v_trips, materialised), per month and cost centre (v_monthly_cost_centre), and fn_* functions for the usual questions. Km, km/h, Kenyan shillings (KES). Days are calendar days in Africa/Nairobi (UTC+3) and end with yesterday: refreshed once a night, see refresh_log.';
COMMENT ON SCHEMA tracksolid IS
  'Raw telematics as the trackers sent it: devices (one per vehicle), positions (GPS fixes, large: always bound ts), events (harsh braking, overspeed, idling, geofence). max(ts) says how far they reach. For distances per day or trip use the reporting schema rather than positions.';
COMMENT ON SCHEMA tickets IS
  'Network operations tickets: inc (incidents, INC), crq (change requests, CRQ), closure_events (status changes), inc_daily_snapshot (open and closed counts a day), geo_clusters and geo_locations (where), inc_open_sla (view of open incidents against their SLA). MTTR is an interval; an incident is open while closed_at is null.';
COMMENT ON SCHEMA fuel IS
  'Fuel card fills: records (litres, KES, odometer at the pump), ingest_state (how far each provider''s feed has been read), and fn_* functions for consumption, cost and suspicious fills. Join to tracksolid.devices by device_id for plate, driver and cost centre.';
COMMENT ON SCHEMA infrastructure IS 'Internal to the platform. Not for analysts.';

-- Everything below lives in demo_build and is dropped by the last file.
CREATE SCHEMA demo_build;
CREATE TABLE demo_build.params AS
SELECT greatest(:positions::int, 1000) AS positions,
       (:'now')::date AS today,
       date_trunc('second', (:'now')::timestamp) AT TIME ZONE 'Africa/Nairobi' AS now_at,
       CASE WHEN :stale::bool THEN (:'now')::date - 1 + time '18:08' ELSE (:'now')::timestamp END AT TIME ZONE 'Africa/Nairobi' AS feed_until,
       -- fewer vehicles at small scale, so that each still has several fixes a day
       least(120, greatest(12, :positions::int / 500)) AS devices,
       90 AS days;

-- u(key, salt): evenly spread over 0 <= u < 1, the same for the same arguments
CREATE FUNCTION demo_build.u(key bigint, salt int) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (hashint8extended($1, $2::bigint) & 16777215) / 16777216.0::double precision $$;

-- pick(list, key, salt): one of the list
CREATE FUNCTION demo_build.pick(list text[], key bigint, salt int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT list[1 + floor(demo_build.u(key, salt) * cardinality(list))::int] $$;

-- kilometres between two points, good enough below 500 km
CREATE FUNCTION demo_build.km(lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 111.2 * sqrt(power(lat2 - lat1, 2) + power((lon2 - lon1) * cosd((lat1 + lat2) / 2), 2)) $$;

-- where vehicles start from (depot) and work (cluster): town centres and suburbs, away from lakes and the sea
CREATE TABLE demo_build.places (region text, cluster text, lat double precision, lon double precision, is_depot boolean, spread double precision);
INSERT INTO demo_build.places VALUES
    ('Nairobi', 'Industrial Area', -1.3080, 36.8510, true,  0.004),
    ('Nairobi', 'Westlands',       -1.2676, 36.8108, false, 0.012),
    ('Nairobi', 'Embakasi',        -1.3190, 36.8940, false, 0.014),
    ('Nairobi', 'Kasarani',        -1.2210, 36.8990, false, 0.014),
    ('Nairobi', 'Lang''ata',       -1.3450, 36.7600, false, 0.012),
    ('Nairobi', 'Ruiru',           -1.1480, 36.9600, false, 0.012),
    ('Mombasa', 'Changamwe',       -4.0240, 39.6270, true,  0.003),
    ('Mombasa', 'Nyali',           -4.0290, 39.6900, false, 0.006),
    ('Mombasa', 'Bamburi',         -3.9950, 39.7000, false, 0.006),
    ('Mombasa', 'Miritini',        -3.9980, 39.5780, false, 0.006),
    ('Mombasa', 'Mariakani',       -3.8620, 39.4740, false, 0.010),
    ('Kisumu',  'Obunga',          -0.0800, 34.7680, true,  0.003),
    ('Kisumu',  'Kondele',         -0.0790, 34.7780, false, 0.006),
    ('Kisumu',  'Mamboleo',        -0.0560, 34.7900, false, 0.008),
    ('Kisumu',  'Ahero',           -0.1740, 34.9190, false, 0.010),
    ('Kisumu',  'Maseno',          -0.0050, 34.6050, false, 0.008),
    ('Nakuru',  'Nakuru Town',     -0.2850, 36.0700, true,  0.003),
    ('Nakuru',  'Lanet',           -0.2990, 36.1330, false, 0.008),
    ('Nakuru',  'Njoro',           -0.3320, 35.9440, false, 0.010),
    ('Nakuru',  'Gilgil',          -0.4990, 36.3170, false, 0.008),
    ('Nakuru',  'Naivasha',        -0.7140, 36.4380, false, 0.006),
    ('Eldoret', 'Eldoret Town',     0.5160, 35.2760, true,  0.004),
    ('Eldoret', 'Langas',           0.4860, 35.2560, false, 0.008),
    ('Eldoret', 'Kapsoya',          0.5230, 35.3020, false, 0.008),
    ('Eldoret', 'Turbo',            0.6310, 35.0530, false, 0.010),
    ('Eldoret', 'Moiben',           0.8060, 35.3890, false, 0.010);

COMMIT;
