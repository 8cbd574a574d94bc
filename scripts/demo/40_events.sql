-- 40_events.sql — driver events, and the daily rollup of the fixes
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET work_mem = '128MB';
SET timezone = 'Africa/Nairobi';

BEGIN;
SET ROLE tracksolid_owner;
CREATE TABLE tracksolid.events (
    event_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id bigint NOT NULL REFERENCES tracksolid.devices,
    ts        timestamptz NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('harsh_brake', 'harsh_acceleration', 'overspeed', 'idle', 'geofence')),
    severity  int NOT NULL CHECK (severity BETWEEN 1 AND 5),
    payload   jsonb NOT NULL
);
COMMENT ON TABLE tracksolid.events IS
  'Driver behaviour and geofence events, one row each. For driver scores: reporting.fn_driver_scores.';
COMMENT ON COLUMN tracksolid.events.device_id IS 'Vehicle.';
COMMENT ON COLUMN tracksolid.events.ts IS 'When it happened.';
COMMENT ON COLUMN tracksolid.events.kind IS 'harsh_brake, harsh_acceleration, overspeed, idle (a sample; idle time is v_daily_summary.idle_hours) or geofence (entered or left a work area).';
COMMENT ON COLUMN tracksolid.events.severity IS '1 (slight) to 5 (dangerous).';
COMMENT ON COLUMN tracksolid.events.payload IS
  'JSON. v is the measured value and unit its unit: km/h for overspeed (with limit_kmh), m/s2 for harsh_brake and harsh_acceleration, s for idle, m for geofence (with action: enter or leave). odometer_km is the odometer at the event.';

CREATE TABLE reporting.daily_rollup (
    device_id      bigint NOT NULL REFERENCES tracksolid.devices,
    day            date NOT NULL,
    fixes          int NOT NULL,
    distance_km    numeric(10,2) NOT NULL,
    driving_hours  numeric(5,2) NOT NULL,
    idle_hours     numeric(5,2) NOT NULL,
    avg_speed      numeric(6,2),
    max_speed_kmh  numeric(6,2) NOT NULL,
    first_fix_at   timestamptz NOT NULL,
    last_fix_at    timestamptz NOT NULL,
    odometer_km    numeric(12,3) NOT NULL,
    PRIMARY KEY (device_id, day)
);
COMMENT ON TABLE reporting.daily_rollup IS
  'Stored totals behind v_daily_summary; query that instead: it adds plate, driver, cost centre and events.';
RESET ROLE;

-- Each fix accounts for the time since the one before it on the same day. What is stored ends with yesterday, as after a
-- nightly refresh; the fuel cards know of today too.
CREATE TABLE demo_build.rollup (LIKE reporting.daily_rollup);
INSERT INTO demo_build.rollup
SELECT device_id, day, count(*), max(odometer_km) - min(odometer_km),
       coalesce(sum(seconds) FILTER (WHERE speed_kmh > 0) / 3600, 0), coalesce(sum(seconds) FILTER (WHERE speed_kmh = 0 AND ignition = 'on') / 3600, 0),
       avg(speed_kmh) FILTER (WHERE speed_kmh > 0), max(speed_kmh), min(ts), max(ts), max(odometer_km)
FROM (SELECT device_id, (ts AT TIME ZONE 'Africa/Nairobi')::date AS day, ts, speed_kmh, ignition, odometer_km,
             CASE WHEN prev_ts >= date_trunc('day', ts) AND ts - prev_ts < interval '6 hours' THEN extract(epoch FROM ts - prev_ts) ELSE 0 END AS seconds
      -- this window follows the primary key, so the million rows need no sort
      FROM (SELECT *, lag(ts) OVER (PARTITION BY device_id ORDER BY ts) AS prev_ts FROM tracksolid.positions) AS fixes) AS p
GROUP BY device_id, day
HAVING max(odometer_km) > min(odometer_km);
INSERT INTO reporting.daily_rollup SELECT r.* FROM demo_build.rollup r, demo_build.params p WHERE r.day < p.today;

-- Who drives hard does so every day: temper is a trait of the vehicle's driver.
INSERT INTO tracksolid.events (device_id, ts, kind, severity, payload)
SELECT device_id, ts, kind, severity, payload || jsonb_build_object('odometer_km', odometer_km)
FROM (
    SELECT p.device_id, p.ts, p.odometer_km, e.*
    FROM (SELECT p.*, d.speed_limit_kmh, demo_build.u(p.device_id, 51) AS temper,
                 hashint8extended(p.device_id * 4294967296 + extract(epoch FROM p.ts - (a.today::timestamp AT TIME ZONE 'Africa/Nairobi'))::bigint, 52) AS h
          FROM tracksolid.positions p JOIN tracksolid.devices d USING (device_id), demo_build.params a) AS p
    CROSS JOIN LATERAL (SELECT (h & 65535) / 65536.0 AS r, ((h >> 16) & 65535) / 65536.0 AS q) AS rnd
    CROSS JOIN LATERAL (
        SELECT 'overspeed' AS kind, least(5, 1 + floor((speed_kmh - speed_limit_kmh) / 6))::int AS severity,
               jsonb_build_object('v', speed_kmh, 'unit', 'km/h', 'limit_kmh', speed_limit_kmh) AS payload
        WHERE speed_kmh > speed_limit_kmh
        UNION ALL
        SELECT 'harsh_brake', 1 + floor(q * q * 5)::int, jsonb_build_object('v', round((-3.2 - 3.5 * q)::numeric, 1), 'unit', 'm/s2')
        WHERE speed_kmh > 18 AND r < 0.006 + 0.075 * temper ^ 2
        UNION ALL
        SELECT 'harsh_acceleration', 1 + floor(q * q * 4)::int, jsonb_build_object('v', round((2.8 + 2.4 * q)::numeric, 1), 'unit', 'm/s2')
        WHERE speed_kmh > 10 AND r BETWEEN 0.5 AND 0.504 + 0.05 * temper ^ 2
        UNION ALL
        SELECT 'idle', 1 + floor(q * 3)::int, jsonb_build_object('v', 300 + floor(q * 1500), 'unit', 's')
        WHERE speed_kmh = 0 AND ignition = 'on' AND r < 0.12
        UNION ALL
        SELECT 'geofence', 1, jsonb_build_object('v', 400 + floor(q * 900), 'unit', 'm', 'action', CASE WHEN q < 0.5 THEN 'enter' ELSE 'leave' END)
        WHERE speed_kmh BETWEEN 4 AND 30 AND r BETWEEN 0.8 AND 0.84
    ) AS e
    ORDER BY p.ts, p.device_id, e.kind
) AS ordered;

CREATE INDEX events_ts_idx ON tracksolid.events (ts);
CREATE INDEX events_device_id_ts_idx ON tracksolid.events (device_id, ts);
COMMIT;
ANALYZE tracksolid.events;
ANALYZE reporting.daily_rollup;
