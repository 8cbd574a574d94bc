-- 70_reporting.sql — reporting views and functions, the trips matview
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET work_mem = '128MB';
SET timezone = 'Africa/Nairobi';

BEGIN;
SET ROLE tracksolid_owner;

CREATE TABLE reporting.refresh_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    notes        text
);
COMMENT ON TABLE reporting.refresh_log IS 'One row per nightly refresh (02:10) of this schema: figures end with the day before the newest.';
COMMENT ON COLUMN reporting.refresh_log.notes IS 'What was refreshed, or what went wrong.';

CREATE VIEW reporting.v_daily_summary AS
SELECT r.device_id, d.plate, d.driver_name, d.cost_centre, d.region, r.day, r.fixes, r.distance_km, r.driving_hours, r.idle_hours,
       r.avg_speed, r.max_speed_kmh, coalesce(e.overspeed_events, 0)::int AS overspeed_events, coalesce(e.harsh_events, 0)::int AS harsh_events,
       r.first_fix_at, r.last_fix_at
FROM reporting.daily_rollup r
JOIN tracksolid.devices d USING (device_id)
LEFT JOIN (SELECT device_id, (ts AT TIME ZONE 'Africa/Nairobi')::date AS day,
                  count(*) FILTER (WHERE kind = 'overspeed') AS overspeed_events,
                  count(*) FILTER (WHERE kind LIKE 'harsh%') AS harsh_events
           FROM tracksolid.events GROUP BY 1, 2) AS e USING (device_id, day);
COMMENT ON VIEW reporting.v_daily_summary IS
  'One row per vehicle and local day with movement: distance, hours, speeds and driver events. The first place to look for distance, utilisation and driver behaviour. Active vehicle: has a row in the period; utilisation: its rows / days of the period. Ends with yesterday.';
COMMENT ON COLUMN reporting.v_daily_summary.device_id IS 'Vehicle, tracksolid.devices.device_id.';
COMMENT ON COLUMN reporting.v_daily_summary.cost_centre IS 'Cost centre that pays for the vehicle.';
COMMENT ON COLUMN reporting.v_daily_summary.day IS 'Calendar day in Africa/Nairobi. The last 30 days: day >= current_date - 30.';
COMMENT ON COLUMN reporting.v_daily_summary.fixes IS 'GPS fixes received that day.';
COMMENT ON COLUMN reporting.v_daily_summary.distance_km IS 'Kilometres driven: last odometer of the day minus first.';
COMMENT ON COLUMN reporting.v_daily_summary.driving_hours IS 'Hours moving: each fix counts for the time since the one before it.';
COMMENT ON COLUMN reporting.v_daily_summary.idle_hours IS 'Idle: hours standing (speed 0) with ignition on. Idle share: idle_hours / (idle_hours + driving_hours).';
COMMENT ON COLUMN reporting.v_daily_summary.avg_speed IS 'Mean speed while moving, km/h.';
COMMENT ON COLUMN reporting.v_daily_summary.max_speed_kmh IS 'Highest speed, km/h.';
COMMENT ON COLUMN reporting.v_daily_summary.overspeed_events IS 'Fixes above the vehicle''s own speed limit.';
COMMENT ON COLUMN reporting.v_daily_summary.harsh_events IS 'Harsh braking and harsh acceleration together, any severity.';

-- A trip is a run of moving fixes; the stop that follows closes it and takes the remaining metres. Whole days only.
CREATE MATERIALIZED VIEW reporting.v_trips AS
WITH fixes AS (
    SELECT device_id, ts, speed_kmh, odometer_km, geom, (ts AT TIME ZONE 'Africa/Nairobi')::date AS day,
           lag(ts) OVER w AS prev_ts, lag(speed_kmh) OVER w AS prev_speed, lag(odometer_km) OVER w AS prev_odometer, lag(geom) OVER w AS prev_geom
    FROM tracksolid.positions
    WHERE ts < date_trunc('day', now(), 'Africa/Nairobi')
    WINDOW w AS (PARTITION BY device_id, (ts AT TIME ZONE 'Africa/Nairobi')::date ORDER BY ts)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE coalesce(prev_speed, 0) = 0) OVER (PARTITION BY device_id, day ORDER BY ts) AS trip
    FROM fixes
    WHERE speed_kmh > 0 OR odometer_km > prev_odometer
), trips AS (
    SELECT device_id, day, trip, min(coalesce(prev_ts, ts)) AS started_at, max(ts) AS ended_at,
           sum(odometer_km - coalesce(prev_odometer, odometer_km)) AS distance_km,
           max(speed_kmh) AS max_speed_kmh,
           (array_agg(coalesce(prev_geom, geom) ORDER BY ts))[1] AS start_geom, (array_agg(geom ORDER BY ts DESC))[1] AS end_geom
    FROM numbered
    GROUP BY device_id, day, trip
)
SELECT row_number() OVER (ORDER BY t.started_at, t.device_id) AS trip_id, t.device_id, d.plate, d.driver_name, d.cost_centre, d.region, t.day,
       t.started_at, t.ended_at, t.ended_at - t.started_at AS duration, round(t.distance_km, 2) AS distance_km, t.max_speed_kmh,
       t.start_geom, t.end_geom
FROM trips t JOIN tracksolid.devices d USING (device_id)
WHERE t.distance_km >= 0.2 AND t.ended_at > t.started_at;
CREATE UNIQUE INDEX v_trips_trip_id_idx ON reporting.v_trips (trip_id);
CREATE INDEX v_trips_device_id_day_idx ON reporting.v_trips (device_id, day);
CREATE INDEX v_trips_day_idx ON reporting.v_trips (day);
COMMENT ON MATERIALIZED VIEW reporting.v_trips IS
  'One row per trip: a run of moving fixes (speed > 0, or the odometer rose) of one vehicle. It ends at the first fix that stands and at local midnight, so a drive past midnight is two trips. Trips under 0.2 km are left out. Refreshed nightly, ends with yesterday. For totals per day use v_daily_summary.';
COMMENT ON COLUMN reporting.v_trips.trip_id IS 'Number of the trip, by start; changes when the view is refreshed.';
COMMENT ON COLUMN reporting.v_trips.device_id IS 'Vehicle, tracksolid.devices.device_id.';
COMMENT ON COLUMN reporting.v_trips.day IS 'Local day (Africa/Nairobi) of the trip.';
COMMENT ON COLUMN reporting.v_trips.started_at IS 'Last fix before it moved. Night driving: started from 20:00 to 05:00 local time.';
COMMENT ON COLUMN reporting.v_trips.duration IS 'ended_at - started_at, an interval.';
COMMENT ON COLUMN reporting.v_trips.distance_km IS 'Length of the trip, km, from the odometer.';
COMMENT ON COLUMN reporting.v_trips.max_speed_kmh IS 'Highest speed during the trip, km/h.';
COMMENT ON COLUMN reporting.v_trips.start_geom IS 'Where it began, point in SRID 4326.';
COMMENT ON COLUMN reporting.v_trips.end_geom IS 'Where it ended, point in SRID 4326.';

CREATE VIEW reporting.v_monthly_cost_centre AS
WITH driven AS (
    SELECT date_trunc('month', r.day)::date AS month, d.cost_centre, count(DISTINCT r.device_id) AS vehicles, count(*) AS vehicle_days,
           sum(r.distance_km) AS distance_km, sum(r.driving_hours) AS driving_hours, sum(r.idle_hours) AS idle_hours
    FROM reporting.daily_rollup r JOIN tracksolid.devices d USING (device_id) GROUP BY 1, 2
), filled AS (
    SELECT date_trunc('month', f.filled_at AT TIME ZONE 'Africa/Nairobi')::date AS month, d.cost_centre, sum(f.litres) AS litres, sum(f.cost_kes) AS cost_kes
    FROM fuel.records f JOIN tracksolid.devices d USING (device_id) WHERE f.filled_at < date_trunc('day', now(), 'Africa/Nairobi') GROUP BY 1, 2
)
SELECT month, cost_centre, vehicles, vehicle_days, distance_km, driving_hours, idle_hours,
       coalesce(f.litres, 0) AS fuel_litres, coalesce(f.cost_kes, 0) AS fuel_cost_kes,
       round(f.cost_kes / nullif(distance_km, 0), 2) AS cost_per_km_kes, round(100 * f.litres / nullif(distance_km, 0), 1) AS l_per_100km
FROM driven LEFT JOIN filled f USING (month, cost_centre);
COMMENT ON VIEW reporting.v_monthly_cost_centre IS
  'One row per calendar month and cost centre: vehicles, distance, hours, fuel and cost per km. The current month goes up to yesterday.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.month IS 'First day of the month.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.vehicles IS 'Active vehicles: moved at least once.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.vehicle_days IS 'Vehicle and day pairs with movement.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.distance_km IS 'Kilometres driven.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.fuel_litres IS 'Litres filled in the month.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.fuel_cost_kes IS 'Fuel paid in the month, KES.';
COMMENT ON COLUMN reporting.v_monthly_cost_centre.cost_per_km_kes IS 'Fuel cost per kilometre, KES; no other cost is known.';

CREATE FUNCTION reporting.fn_distance(p_device bigint, p_from date DEFAULT current_date - 30) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(sum(distance_km), 0) FROM reporting.daily_rollup WHERE device_id = p_device AND day >= p_from $$;
COMMENT ON FUNCTION reporting.fn_distance IS 'Kilometres driven by one vehicle from p_from to yesterday (default: the last 30 days).';

CREATE FUNCTION reporting.fn_top_cost_centres(p_days int DEFAULT 30, p_limit int DEFAULT 10)
RETURNS TABLE (cost_centre text, vehicles bigint, distance_km numeric, km_per_vehicle numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT d.cost_centre, count(DISTINCT r.device_id), sum(r.distance_km), round(sum(r.distance_km) / count(DISTINCT r.device_id), 1)
    FROM reporting.daily_rollup r JOIN tracksolid.devices d USING (device_id)
    WHERE r.day >= current_date - p_days GROUP BY 1 ORDER BY 3 DESC LIMIT p_limit
$$;
COMMENT ON FUNCTION reporting.fn_top_cost_centres IS 'Cost centres by km driven over the p_days days that end yesterday, with their active vehicles; furthest first.';

CREATE FUNCTION reporting.fn_utilisation(p_days int DEFAULT 30)
RETURNS TABLE (device_id bigint, plate text, cost_centre text, days_used bigint, utilisation_pct numeric, distance_km numeric, driving_hours numeric, idle_pct numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT d.device_id, d.plate, d.cost_centre, count(r.day), round(100.0 * count(r.day) / nullif(p_days, 0), 1), coalesce(sum(r.distance_km), 0), coalesce(sum(r.driving_hours), 0),
           round(100 * sum(r.idle_hours) / nullif(sum(r.driving_hours) + sum(r.idle_hours), 0), 1)
    FROM tracksolid.devices d LEFT JOIN reporting.daily_rollup r ON r.device_id = d.device_id AND r.day >= current_date - p_days
    GROUP BY d.device_id ORDER BY 4, 6
$$;
COMMENT ON FUNCTION reporting.fn_utilisation IS
  'Every vehicle over the p_days days that end yesterday: days with movement, these in percent of all calendar days (utilisation, weekends count), km, hours moving, and idle hours in percent of idle and moving hours. Least used first.';

CREATE FUNCTION reporting.fn_driver_scores(p_days int DEFAULT 30)
RETURNS TABLE (driver_name text, plate text, distance_km numeric, events bigint, events_per_100km numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT s.driver_name, s.plate, sum(s.distance_km), sum(s.overspeed_events + s.harsh_events),
           round(100 * sum(s.overspeed_events + s.harsh_events) / nullif(sum(s.distance_km), 0), 2)
    FROM reporting.v_daily_summary s WHERE s.day >= current_date - p_days AND s.driver_name IS NOT NULL
    GROUP BY 1, 2 ORDER BY 5 DESC NULLS LAST
$$;
COMMENT ON FUNCTION reporting.fn_driver_scores IS 'Overspeed fixes and harsh events (all severities alike) per 100 km, by driver and vehicle, over the p_days days that end yesterday; worst first. Vehicles without a driver are left out.';

CREATE FUNCTION reporting.fn_fleet_day(p_day date DEFAULT current_date - 1)
RETURNS TABLE (day date, vehicles_used bigint, distance_km numeric, driving_hours numeric, idle_hours numeric, overspeed_events bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT p_day, count(*), sum(s.distance_km), sum(s.driving_hours), sum(s.idle_hours), sum(s.overspeed_events)
    FROM reporting.v_daily_summary s WHERE s.day = p_day
$$;
COMMENT ON FUNCTION reporting.fn_fleet_day IS 'The whole fleet on one local day (default: yesterday): vehicles that moved, km, hours moving and idle, overspeed fixes.';

RESET ROLE;
INSERT INTO reporting.refresh_log (refreshed_at, notes)
SELECT least((day + time '02:10') AT TIME ZONE 'Africa/Nairobi', a.now_at),
       CASE WHEN extract(isodow FROM day) = 7 THEN 'v_trips, daily_rollup; vacuum' ELSE 'v_trips, daily_rollup' END
FROM demo_build.params a, generate_series(a.today - 29, a.today, interval '1 day') AS d (day);
COMMIT;
ANALYZE reporting.refresh_log;
VACUUM (ANALYZE) reporting.v_trips;
