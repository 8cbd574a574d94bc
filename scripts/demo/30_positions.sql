-- 30_positions.sql — GPS fixes
-- A work plan of shifts and legs per vehicle and day, then exactly :positions fixes along it: odometers, speeds and coordinates
-- come from the same plan, so distance, time and place agree with each other.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET work_mem = '128MB';
SET timezone = 'Africa/Nairobi';

BEGIN;

-- One row per vehicle and working day: full Monday to Friday, some Saturdays, few Sundays. A few vehicles work at night.
CREATE TABLE demo_build.shifts AS
WITH calendar AS (
    SELECT d.device_id, d.region, d.cost_centre, off, p.today - off AS day, extract(isodow FROM p.today - off)::int AS dow,
           d.device_id * 1000 + off AS key, d.status
    FROM demo_build.params p, tracksolid.devices d, generate_series(0, p.days) AS off
), working AS (
    SELECT *, CASE WHEN dow <= 5 THEN 2 + floor(demo_build.u(key, 11) * 5)::int ELSE 2 + floor(demo_build.u(key, 11) * 2)::int END AS legs
    FROM calendar
    WHERE demo_build.u(key, 10) < CASE dow WHEN 7 THEN 0.07 WHEN 6 THEN 0.55 ELSE 0.94 END
      AND NOT (status = 'maintenance' AND off < 8)
)
SELECT row_number() OVER (ORDER BY off DESC, device_id)::int AS shift_id, device_id, region, cost_centre, off, day, key, dow, legs,
       (day + CASE WHEN device_id % 24 = 7 THEN time '19:05' ELSE time '06:20' END + (demo_build.u(key, 12) * 100) * interval '1 minute') AT TIME ZONE 'Africa/Nairobi' AS start_at,
       CASE WHEN dow <= 5 THEN 30000 + demo_build.u(key, 13) * 7500 ELSE 16000 + demo_build.u(key, 13) * 5000 END AS planned_s
FROM working;

-- One row per leg: depot to a work area, on to the next, and back to the depot at the end of the day.
CREATE TABLE demo_build.legs AS
WITH stops AS (
    SELECT s.shift_id, s.legs, n,
           pl.lat + (demo_build.u(s.key * 10 + n, 21) - 0.5) * 2 * pl.spread AS lat,
           pl.lon + (demo_build.u(s.key * 10 + n, 22) - 0.5) * 2 * pl.spread AS lon
    FROM demo_build.shifts s
    CROSS JOIN LATERAL generate_series(0, s.legs) AS n
    CROSS JOIN LATERAL (
        SELECT * FROM demo_build.places
        WHERE region = CASE WHEN s.cost_centre = 'Logistics and Stores' AND n > 0 AND n < s.legs AND demo_build.u(s.key, 23) < 0.35
                            THEN 'Nakuru' ELSE s.region END
          AND is_depot = (n = 0 OR n = s.legs)
        -- administration stays close; the others go anywhere in their region
        ORDER BY demo_build.u(s.key * 10 + n, 24 + length(cluster))
                 + CASE WHEN s.cost_centre = 'HQ Administration' AND cluster IN ('Ruiru', 'Kasarani') THEN 1 ELSE 0 END
        LIMIT 1) AS pl
), legs AS (
    SELECT s.shift_id, s.device_id, s.region, s.key, s.start_at, s.planned_s, s.off, b.n AS leg, s.legs,
           a.lat AS lat1, a.lon AS lon1, b.lat AS lat2, b.lon AS lon2,
           demo_build.km(a.lat, a.lon, b.lat, b.lon) * (1.22 + 0.25 * demo_build.u(s.key * 10 + b.n, 31))
             + 1.2 + 4.5 * demo_build.u(s.key * 10 + b.n, 32) AS km
    FROM demo_build.shifts s JOIN stops a USING (shift_id) JOIN stops b ON b.shift_id = a.shift_id AND b.n = a.n + 1
), timed AS (
    SELECT *, km / CASE WHEN km > 60 THEN 52 + 14 * demo_build.u(key * 10 + leg, 33)
                        WHEN km > 20 THEN 38 + 16 * demo_build.u(key * 10 + leg, 33)
                        ELSE 21 + 13 * demo_build.u(key * 10 + leg, 33) END * 3600 AS drive_s,
           0.4 + demo_build.u(key * 10 + leg, 34) AS stop_weight
    FROM legs
), totals AS (
    SELECT *, sum(drive_s) OVER (PARTITION BY shift_id) AS shift_drive_s, sum(stop_weight) OVER (PARTITION BY shift_id) AS shift_weight
    FROM timed
), placed AS (
    SELECT *, greatest(planned_s, shift_drive_s * 1.18) AS shift_s,
           drive_s + (greatest(planned_s, shift_drive_s * 1.18) - shift_drive_s) * stop_weight / shift_weight AS leg_s
    FROM totals
)
SELECT shift_id, device_id, off, leg, legs, key, start_at, shift_s, lat1, lon1, lat2, lon2, km, drive_s, leg_s,
       sum(leg_s) OVER (PARTITION BY shift_id ORDER BY leg) - leg_s AS leg_start_s,
       18000 + demo_build.u(device_id, 35) * 160000 + sum(km) OVER (PARTITION BY device_id ORDER BY off DESC, leg) - km AS odometer_km,
       degrees(ST_Azimuth(ST_MakePoint(lon1, lat1), ST_MakePoint(lon2, lat2))) AS heading
FROM placed;

-- How much of each shift is over, and its part of the fixes. Shares of :positions by running total: the count is exact.
CREATE TABLE demo_build.spans AS
SELECT shift_id, span_s, (p.positions * upto / total - p.positions * (upto - share) / total)::int AS fixes
FROM (SELECT *, sum(share) OVER (ORDER BY shift_id)::bigint AS upto, sum(share) OVER ()::bigint AS total
      FROM (SELECT shift_id, span_s, round(1000 * span_s / shift_s)::bigint AS share
            FROM (SELECT l.shift_id, l.shift_s,
                         -- trackers send now and then, so the newest fixes are up to three minutes old
                         least(l.shift_s, extract(epoch FROM p.feed_until - l.start_at) - 170 * demo_build.u(l.device_id, 36)) AS span_s
                  FROM demo_build.legs l, demo_build.params p WHERE leg = 1) AS s
            WHERE span_s > 600) AS s) AS s,
     (SELECT positions::bigint FROM demo_build.params) AS p;
ANALYZE demo_build.shifts;
ANALYZE demo_build.legs;
ANALYZE demo_build.spans;

SET ROLE tracksolid_owner;
CREATE TABLE tracksolid.positions (
    device_id   bigint NOT NULL,
    ts          timestamptz NOT NULL,
    lat         double precision NOT NULL,
    lon         double precision NOT NULL,
    speed_kmh   numeric(6,2) NOT NULL,
    heading     int NOT NULL,
    ignition    tracksolid.ignition NOT NULL,
    odometer_km numeric(12,3) NOT NULL,
    geom        geometry(Point, 4326) NOT NULL,
    raw         jsonb NOT NULL
);

COMMENT ON TABLE tracksolid.positions IS
  'GPS fixes, one row per device_id and ts, every few minutes while a vehicle is on shift and none while it is parked; by far the largest table. Always filter on ts. For distance per day or trip use reporting.v_daily_summary and reporting.v_trips.';
COMMENT ON COLUMN tracksolid.positions.device_id IS 'Vehicle.';
COMMENT ON COLUMN tracksolid.positions.ts IS 'When the fix was taken (timestamptz). For local days: (ts AT TIME ZONE ''Africa/Nairobi'')::date.';
COMMENT ON COLUMN tracksolid.positions.lat IS 'Latitude, WGS 84 degrees; south is negative.';
COMMENT ON COLUMN tracksolid.positions.lon IS 'Longitude, WGS 84 degrees.';
COMMENT ON COLUMN tracksolid.positions.speed_kmh IS 'Ground speed, km/h; moving means above 0.';
COMMENT ON COLUMN tracksolid.positions.heading IS 'Course over ground, degrees clockwise from north, 0 to 359.';
COMMENT ON COLUMN tracksolid.positions.ignition IS 'Ignition line: on, off or unknown. On with speed 0 is idle.';
COMMENT ON COLUMN tracksolid.positions.odometer_km IS 'Vehicle odometer, km; never decreases. Distance between two fixes is the difference.';
COMMENT ON COLUMN tracksolid.positions.geom IS 'The same place as lat and lon as a PostGIS point (SRID 4326); cast to geography for metres.';
COMMENT ON COLUMN tracksolid.positions.raw IS 'Fields of the tracker''s message without a column: sat (satellites), hdop, gsm (signal 0 to 31), mv (battery, millivolt).';
RESET ROLE;

-- A hypertable where 10_schemas.sql found TimescaleDB, else a plain table.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('tracksolid.positions', 'ts', chunk_time_interval => interval '7 days', create_default_indexes => false);
    END IF;
END $$;

-- Fixes are spread evenly over what is over of each shift.
INSERT INTO tracksolid.positions
SELECT f.device_id, f.ts,
       round((lat1 + (lat2 - lat1) * done + wobble * (lon2 - lon1) * 0.08)::numeric, 6)::double precision,
       round((lon1 + (lon2 - lon1) * done - wobble * (lat2 - lat1) * 0.08)::numeric, 6)::double precision,
       f.speed::numeric(6,2),
       (heading + 720 + (r1 - 0.5) * 30)::int % 360,
       CASE WHEN r2 < 0.004 THEN 'unknown' WHEN driving OR idling THEN 'on' ELSE 'off' END::tracksolid.ignition,
       (odometer_km + km * done)::numeric(12,3),
       ST_SetSRID(ST_MakePoint(round((lon1 + (lon2 - lon1) * done - wobble * (lat2 - lat1) * 0.08)::numeric, 6)::double precision,
                               round((lat1 + (lat2 - lat1) * done + wobble * (lon2 - lon1) * 0.08)::numeric, 6)::double precision), 4326),
       jsonb_build_object('sat', 5 + (r2 * 9)::int, 'hdop', round((0.7 + r1)::numeric, 1), 'gsm', 9 + (r1 * 22)::int, 'mv', 12100 + (r2 * 1900)::int)
FROM (
    SELECT l.*, x.*, m.*, v.*
    FROM (SELECT l.*, n.fixes, n.span_s / greatest(n.fixes - 1, 1) AS step_s
          FROM demo_build.legs l JOIN demo_build.spans n USING (shift_id)
          ORDER BY l.shift_id, l.leg) AS l
    -- the fixes whose time falls into this leg; the last leg takes the last one too
    CROSS JOIN LATERAL generate_series(ceil(l.leg_start_s / l.step_s - 1e-9)::int,
                                       CASE WHEN l.leg = l.legs THEN l.fixes - 1
                                            ELSE least(l.fixes, ceil((l.leg_start_s + l.leg_s) / l.step_s - 1e-9)::int) - 1 END) AS i
    CROSS JOIN LATERAL (SELECT date_trunc('second', l.start_at + i * l.step_s * interval '1 second') AS ts,
                               i * l.step_s - l.leg_start_s AS leg_t,
                               demo_build.u(l.key * 10000 + i, 41) AS r1,
                               demo_build.u(l.key * 10000 + i, 42) AS r2) AS x
    CROSS JOIN LATERAL (SELECT leg_t < l.drive_s AND leg_t > 0 AS driving,
                               leg_t >= l.drive_s AND (leg_t - l.drive_s < 240 OR r2 < 0.11) OR leg_t <= 0 AS idling,
                               least(1, greatest(0, leg_t / l.drive_s)) AS done,
                               sin(pi() * 2 * least(1, greatest(0, leg_t / l.drive_s))) AS wobble) AS m
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT driving THEN 0
                                    -- a heavy foot belongs to the driver
                                    ELSE least(138, greatest(3, l.km / l.drive_s * 3600
                                         * (0.45 + 0.75 * r1 + 0.35 * r2 * r2 + 0.45 * demo_build.u(l.device_id, 43) ^ 3 * r1 ^ 4))) END AS speed) AS v
) AS f;

ALTER TABLE tracksolid.positions ADD PRIMARY KEY (device_id, ts);
CREATE INDEX positions_ts_idx ON tracksolid.positions (ts);
ALTER TABLE tracksolid.positions ADD FOREIGN KEY (device_id) REFERENCES tracksolid.devices;
COMMIT;
VACUUM (ANALYZE) tracksolid.positions;
