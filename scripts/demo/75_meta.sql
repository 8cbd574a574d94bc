-- 75_meta.sql — what the figures mean: metrics, verified queries, glossary
-- \i needs the path of analytics_meta.sql in the variable meta, which load.sh sets.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\i :meta

BEGIN;
INSERT INTO analytics_meta.metric (name, description, unit, expression, source, grain, caveats, owner, certified_at, certified_by)
SELECT m.*, p.today - 20, owner FROM demo_build.params p, (VALUES
    ('distance', 'Kilometres driven in the last 30 days.', 'km', $$sum(distance_km)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30$$,
     'vehicle and local day; by cost_centre, region, plate, driver_name, day', 'Ends with yesterday.', 'Fleet Reporting'),
    ('active_vehicles', 'Vehicles that moved on at least one of the last 30 days.', 'vehicles', $$count(DISTINCT device_id)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30$$,
     'vehicle and local day; by cost_centre, region, day', 'Not devices.status, which says whether it is in service.', 'Fleet Reporting'),
    ('utilisation', 'Days with movement in percent of all calendar days of all vehicles, last 30 days.', '%',
     $$round(100.0 * count(s.day) / (30 * count(DISTINCT d.device_id)), 1)$$,
     $$tracksolid.devices d LEFT JOIN reporting.v_daily_summary s ON s.device_id = d.device_id AND s.day >= current_date - 30$$,
     'vehicle and local day; by d.cost_centre, d.region, d.model', 'Weekends and the workshop count as unused, so a vehicle used every working day has about 70 %. Change both 30s together.', 'Fleet Reporting'),
    ('idle_hours', 'Hours standing with the ignition on, last 30 days.', 'hours', $$sum(idle_hours)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30$$,
     'vehicle and local day; by cost_centre, region, plate, driver_name', 'Not the idle events of tracksolid.events: those are a sample. A gap of 6 hours or more between fixes is parking, neither idle nor driving.', 'Fleet Reporting'),
    ('idle_share', 'Idle hours in percent of idle and driving hours, last 30 days.', '%',
     $$round(100 * sum(idle_hours) / nullif(sum(idle_hours) + sum(driving_hours), 0), 1)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30$$,
     'vehicle and local day; by cost_centre, region, plate, driver_name', 'A mean of the totals: never average the shares of vehicles.', 'Fleet Reporting'),
    ('overspeed_rate', 'Fixes above the vehicle''s own speed limit per 100 km, last 30 days.', 'per 100 km',
     $$round(100.0 * sum(overspeed_events) / nullif(sum(distance_km), 0), 2)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30$$,
     'vehicle and local day; by driver_name, plate, cost_centre', 'Counts fixes, not stretches of road; compare only vehicles with some 500 km or more.', 'Fleet Reporting'),
    ('driver_event_rate', 'Overspeed fixes and harsh braking or acceleration per 100 km, last 30 days: the driver score, lower is better.', 'per 100 km',
     $$round(100.0 * sum(overspeed_events + harsh_events) / nullif(sum(distance_km), 0), 2)$$,
     $$reporting.v_daily_summary WHERE day >= current_date - 30 AND driver_name IS NOT NULL$$,
     'vehicle and local day; by driver_name, plate', 'All severities count the same.', 'Fleet Reporting'),
    ('night_driving_share', 'Kilometres of trips that start from 20:00 to 05:00 in percent of all, last 30 days.', '%',
     $$round(100 * sum(distance_km) FILTER (WHERE extract(hour FROM started_at AT TIME ZONE 'Africa/Nairobi') NOT BETWEEN 5 AND 19) / nullif(sum(distance_km), 0), 1)$$,
     $$reporting.v_trips WHERE day >= current_date - 30$$,
     'trip; by cost_centre, region, plate, driver_name', 'Night shifts (devices.tags has night) make most of it.', 'Fleet Reporting'),
    ('fuel_cost', 'Paid by fuel card in the last 30 days and today so far.', 'KES', $$sum(r.cost_kes)$$,
     $$fuel.records r JOIN tracksolid.devices d USING (device_id) WHERE r.filled_at >= current_date - 30$$,
     'fill; by d.cost_centre, d.region, r.fuel_type, r.station', 'r.region is the station''s, d.region the vehicle''s.', 'Fuel Cards'),
    ('fuel_consumption', 'Litres filled per 100 km driven, the 30 days that end yesterday.', 'l/100 km', $$round(100 * sum(litres) / nullif(sum(distance_km), 0), 1)$$,
     $$fuel.fn_consumption(30)$$, 'vehicle; by model, plate', 'Vehicles without a fill in the period are left out. Below 30 days it is rough: a fill covers several days.', 'Fuel Cards'),
    ('cost_per_km', 'Fuel cost per kilometre driven, last full month.', 'KES per km', $$round(sum(fuel_cost_kes) / nullif(sum(distance_km), 0), 2)$$,
     $$reporting.v_monthly_cost_centre WHERE month = date_trunc('month', current_date) - interval '1 month'$$,
     'month and cost centre; by cost_centre', 'Fuel only: no service, tyres, insurance or wages.', 'Fuel Cards'),
    ('suspicious_fills', 'Fills beyond the tank, or over 1.4 times the litres that the distance since the last fill explains, last 30 days and today so far.', 'fills', $$count(*)$$,
     $$fuel.fn_suspect_fills(30)$$, 'fill; by plate, driver_name, station', 'A reason to ask, no proof: a missed earlier fill looks the same.', 'Fuel Cards'),
    ('open_backlog', 'Incidents open now.', 'tickets', $$count(*)$$, $$tickets.inc_open_sla$$,
     'open incident; by region, cluster, priority, bucket, owner', 'For earlier days: open_at_end of tickets.inc_daily_snapshot.', 'Network Operations'),
    ('sla_breached_open', 'Open incidents older than their SLA target in percent of all open ones, now.', '%',
     $$round(100.0 * count(*) FILTER (WHERE sla_status = 'breached') / nullif(count(*), 0), 1)$$, $$tickets.inc_open_sla$$,
     'open incident; by region, cluster, priority', 'Not tickets.inc.sla_status: for open tickets it is of 03:00.', 'Network Operations'),
    ('sla_met', 'Incidents closed within their SLA target in percent of those closed, last 30 days and today.', '%',
     $$round(100.0 * count(*) FILTER (WHERE sla_status <> 'breached') / nullif(count(*), 0), 1)$$,
     $$tickets.inc WHERE closed_at >= current_date - 30$$,
     'closed incident; by region, cluster, priority, bucket, owner', 'Says nothing about tickets that are still open.', 'Network Operations'),
    ('mttr', 'Mean time from opening to closing of the incidents closed in the last 30 days and today.', 'hours',
     $$round((extract(epoch FROM avg(mttr)) / 3600)::numeric, 1)$$, $$tickets.inc WHERE closed_at >= current_date - 30$$,
     'closed incident; by cluster, region, priority, bucket, owner', 'Mixes priorities: P4 may take 48 h, so compare within one. Time on hold counts.', 'Network Operations')
) AS m (name, description, unit, expression, source, grain, caveats, owner);

INSERT INTO analytics_meta.verified_query (name, question, sql, parameters, verified_at, verified_by)
SELECT v.name, v.question, trim(E'\n' FROM v.sql), v.parameters, p.today - 20, v.verified_by FROM demo_build.params p, (VALUES
    ('top_cost_centres_by_distance', 'What were the top cost centres by distance in the last 30 days?', $$
SELECT cost_centre, round(sum(distance_km)) AS km, count(DISTINCT device_id) AS vehicles
FROM reporting.v_daily_summary WHERE day >= current_date - 30 GROUP BY 1 ORDER BY 2 DESC LIMIT 10
$$, '30: days that end yesterday; 10: how many', 'Fleet Reporting'),
    ('utilisation_by_cost_centre', 'How well are the vehicles of each cost centre used?', $$
SELECT cost_centre, count(*) AS vehicles, count(*) FILTER (WHERE days_used = 0) AS unused, round(avg(utilisation_pct), 1) AS utilisation_pct
FROM reporting.fn_utilisation(30) GROUP BY 1 ORDER BY 4
$$, '30: days that end yesterday', 'Fleet Reporting'),
    ('idle_ranking', 'Which vehicles idle most?', $$
SELECT plate, driver_name, cost_centre, sum(idle_hours) AS idle_hours,
       round(100 * sum(idle_hours) / nullif(sum(idle_hours) + sum(driving_hours), 0), 1) AS idle_share_pct
FROM reporting.v_daily_summary WHERE day >= current_date - 30 GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 10
$$, '30: days that end yesterday; order by 5 for the share instead of the hours', 'Fleet Reporting'),
    ('driver_scores', 'Which drivers have the most overspeed and harsh events per 100 km?', $$
SELECT driver_name, plate, distance_km, events, events_per_100km FROM reporting.fn_driver_scores(30) WHERE distance_km >= 500 ORDER BY events_per_100km DESC LIMIT 10
$$, '30: days that end yesterday; 500: least km, so that a short drive does not lead', 'Fleet Reporting'),
    ('night_driving', 'Which vehicles drive at night?', $$
SELECT plate, driver_name, cost_centre, count(*) AS trips, sum(distance_km) AS km
FROM reporting.v_trips
WHERE day >= current_date - 30 AND extract(hour FROM started_at AT TIME ZONE 'Africa/Nairobi') NOT BETWEEN 5 AND 19
GROUP BY 1, 2, 3 ORDER BY 5 DESC LIMIT 10
$$, '30: days that end yesterday; 5 and 19: night is from 20:00 to 05:00', 'Fleet Reporting'),
    ('trips_of_a_vehicle', 'Which trips did a vehicle make on its last day?', $$
SELECT plate, driver_name, started_at, ended_at, duration, distance_km, max_speed_kmh
FROM reporting.v_trips
WHERE plate = 'KCL 819F' AND day = (SELECT max(day) FROM reporting.v_trips WHERE plate = 'KCL 819F')
ORDER BY started_at
$$, '''KCL 819F'': plate, twice; or day = a date up to yesterday', 'Fleet Reporting'),
    ('nearest_vehicles', 'Which vehicles are nearest to a place, and how old is their last fix?', $$
SELECT d.plate, d.driver_name, p.ts AS last_fix, date_trunc('second', now() - p.ts) AS age,
       round((ST_Distance(p.geom::geography, ST_SetSRID(ST_MakePoint(36.8108, -1.2676), 4326)::geography) / 1000)::numeric, 1) AS km
FROM tracksolid.devices d
CROSS JOIN LATERAL (SELECT ts, geom FROM tracksolid.positions WHERE device_id = d.device_id ORDER BY ts DESC LIMIT 1) AS p
WHERE d.status = 'active' ORDER BY km LIMIT 10
$$, '36.8108, -1.2676: longitude and latitude of the place (Westlands)', 'Fleet Reporting'),
    ('silent_vehicles', 'Which vehicles have sent nothing for two days?', $$
SELECT d.plate, d.driver_name, d.cost_centre, d.status, p.ts AS last_fix
FROM tracksolid.devices d
LEFT JOIN LATERAL (SELECT ts FROM tracksolid.positions WHERE device_id = d.device_id ORDER BY ts DESC LIMIT 1) AS p ON true
WHERE p.ts IS NULL OR p.ts < now() - interval '2 days' ORDER BY p.ts NULLS FIRST
$$, '2 days: after a weekend take 4, since parked vehicles send nothing', 'Fleet Reporting'),
    ('data_freshness', 'How fresh are the data?', $$
SELECT 'positions' AS what, max(ts) AS newest FROM tracksolid.positions
UNION ALL SELECT 'driver events', max(ts) FROM tracksolid.events
UNION ALL SELECT 'fuel fills', max(filled_at) FROM fuel.records
UNION ALL SELECT 'incidents', max(opened_at) FROM tickets.inc
UNION ALL SELECT 'nightly figures, to the day before', max(refreshed_at) FROM reporting.refresh_log
$$, NULL, 'Fleet Reporting'),
    ('fuel_cost_by_cost_centre', 'What did each cost centre pay for fuel in the last 30 days?', $$
SELECT cost_centre, fills, litres, cost_kes FROM fuel.fn_cost_by_cost_centre(30)
$$, '30: days back; today so far is added', 'Fuel Cards'),
    ('fuel_consumption_by_vehicle', 'Which vehicles use more fuel than rated?', $$
SELECT plate, model, distance_km, litres, l_per_100km, rated_l_per_100km, round(100 * l_per_100km / rated_l_per_100km - 100) AS above_rated_pct
FROM fuel.fn_consumption(30) WHERE distance_km >= 500 ORDER BY 7 DESC LIMIT 10
$$, '30: days that end yesterday, not less; 500: least km', 'Fuel Cards'),
    ('cost_per_km_by_month', 'What does a kilometre cost in fuel, by cost centre, last month?', $$
SELECT cost_centre, distance_km, fuel_cost_kes, cost_per_km_kes, l_per_100km
FROM reporting.v_monthly_cost_centre WHERE month = date_trunc('month', current_date) - interval '1 month' ORDER BY 4 DESC
$$, '1 month: months back', 'Fuel Cards'),
    ('suspicious_fills', 'Which fuel fills look suspicious?', $$
SELECT plate, driver_name, filled_at, litres, expected_litres, tank_l, station FROM fuel.fn_suspect_fills(30)
$$, '30: days back; today so far is added', 'Fuel Cards'),
    ('open_incidents_by_region_and_sla', 'How many INC tickets are open, by region and SLA status?', $$
SELECT region, sla_status, count(*) AS open, min(opened_at) AS oldest_opened_at FROM tickets.inc_open_sla GROUP BY 1, 2 ORDER BY 1, 2
$$, NULL, 'Network Operations'),
    ('mttr_by_cluster_this_month', 'What is the MTTR by cluster this month?', $$
SELECT region, cluster, count(*) AS closed, round((extract(epoch FROM avg(mttr)) / 3600)::numeric, 1) AS mttr_hours,
       round(100.0 * count(*) FILTER (WHERE sla_status = 'breached') / count(*), 1) AS breached_pct
FROM tickets.inc WHERE closed_at >= date_trunc('month', current_date) GROUP BY 1, 2 ORDER BY 4 DESC
$$, 'month: on its first days take closed_at >= current_date - 30', 'Network Operations'),
    ('backlog_by_day', 'How has the backlog of incidents developed?', $$
SELECT day, sum(open_at_end) AS open_at_end, sum(opened) AS opened, sum(closed) AS closed, sum(breached) AS closed_late
FROM tickets.inc_daily_snapshot WHERE day >= current_date - 30 GROUP BY 1 ORDER BY 1
$$, '30: days that end yesterday', 'Network Operations'),
    ('repeat_sites', 'Which sites fail again and again?', $$
SELECT location, kind, region, cluster, incidents, last_opened_at FROM tickets.fn_repeat_sites(30, 3) LIMIT 20
$$, '30: days back; 3: least incidents', 'Network Operations'),
    ('coming_changes', 'Which change requests are planned for the next seven days?', $$
SELECT crq_id, title, status, risk, region, planned_start, planned_end
FROM tickets.crq WHERE planned_end > now() AND planned_start < now() + interval '7 days' AND status IN ('draft', 'approved') ORDER BY planned_start
$$, '7 days: how far ahead', 'Network Operations')
) AS v (name, question, sql, parameters, verified_by);

INSERT INTO analytics_meta.glossary (term, meaning, tables) VALUES
    ('active vehicle', 'Moved at least once in the period: it has a row in v_daily_summary. devices.status = active only means in service, not in the workshop.', 'reporting.v_daily_summary, tracksolid.devices'),
    ('backlog', 'Incidents that are open: now, or at the end of a day (open_at_end).', 'tickets.inc_open_sla, tickets.inc_daily_snapshot'),
    ('cluster', 'Work area within a region, with a centre and a boundary.', 'tickets.geo_clusters'),
    ('cost centre', 'Who pays for the vehicle. Fuel is charged to the vehicle''s, wherever the station is.', 'tracksolid.devices'),
    ('CRQ', 'Change request: planned work on the network with a window, planned_start to planned_end.', 'tickets.crq'),
    ('closing', 'An incident is resolved, its downtime over, at closed_at; owner is the team or technician group that held it.', 'tickets.inc, tickets.closure_events'),
    ('day', 'Calendar day in Africa/Nairobi (UTC+3). "The last 30 days" are the 30 that end yesterday: day >= current_date - 30.', 'reporting.v_daily_summary'),
    ('distance', 'Kilometres driven (mileage), from the odometer.', 'reporting.v_daily_summary'),
    ('driver score', 'Overspeed fixes and harsh events per 100 km, fn_driver_scores; lower is better.', 'reporting.v_daily_summary'),
    ('fill', 'One payment (spend) with a fuel card. It covers the driving since the fill before.', 'fuel.records'),
    ('fix', 'One GPS position with time, speed, ignition and odometer, every few minutes on shift.', 'tracksolid.positions'),
    ('harsh event', 'Harsh braking or harsh acceleration, of any severity.', 'tracksolid.events, reporting.v_daily_summary'),
    ('idle', 'Standing (speed 0) with the ignition (engine) on: idle_hours. Idle events are a sample and do not add up to it.', 'reporting.v_daily_summary, tracksolid.events'),
    ('INC', 'Incident ticket; open while closed_at is null.', 'tickets.inc, tickets.inc_open_sla'),
    ('MTTR', 'Mean time to repair: average of closed_at - opened_at over the incidents closed in the period, time on hold included.', 'tickets.inc'),
    ('night', '20:00 to 05:00 in Nairobi. Night driving: trips that start then.', 'reporting.v_trips'),
    ('overspeed', 'A fix above the vehicle''s own limit, devices.speed_limit_kmh.', 'tracksolid.events, tracksolid.devices'),
    ('region', 'Nairobi, Mombasa, Kisumu, Nakuru or Eldoret: of a vehicle its home, of a fill the station''s.', 'tracksolid.devices, tickets.geo_clusters, fuel.records'),
    ('repeat site', 'A network site with three or more incidents opened in 30 days.', 'tickets.inc, tickets.geo_locations'),
    ('silent vehicle', 'Its tracker has sent nothing for long: offline, or parked and off shift. The last position is where it was last seen.', 'tracksolid.positions, tracksolid.devices'),
    ('SLA', 'Time allowed from opening to closing: P1 4 h, P2 8 h, P3 24 h, P4 48 h (sla_target).', 'tickets.inc'),
    ('SLA status', 'breached (late, overdue): beyond the target; at_risk: more than 60 % of it used; else within. Of open tickets in inc_open_sla, of closed ones in inc.', 'tickets.inc_open_sla, tickets.inc'),
    ('suspicious fill', 'Possible theft or misuse: more litres than the tank holds, or over 1.4 times what the distance since the last fill explains: fn_suspect_fills.', 'fuel.records'),
    ('trip', 'A run of moving fixes; it ends at the first standing fix and at midnight, and has 0.2 km or more.', 'reporting.v_trips'),
    ('utilisation', 'Days with movement in percent of all calendar days, weekends included; not hours.', 'reporting.v_daily_summary');
COMMIT;
ANALYZE analytics_meta.metric, analytics_meta.verified_query, analytics_meta.glossary;
