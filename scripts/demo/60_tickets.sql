-- 60_tickets.sql — incidents and change requests
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'Africa/Nairobi';

BEGIN;

CREATE TABLE tickets.geo_clusters (
    cluster   text PRIMARY KEY,
    region    text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    latitude  double precision NOT NULL,
    longitude double precision NOT NULL,
    radius_m  int NOT NULL,
    centre    geography(Point, 4326) NOT NULL,
    boundary  geometry(Polygon, 4326) NOT NULL
);
COMMENT ON TABLE tickets.geo_clusters IS 'Work areas (clusters) with their region. Join to tickets.inc by cluster.';
COMMENT ON COLUMN tickets.geo_clusters.radius_m IS 'Radius around the centre, metres.';
COMMENT ON COLUMN tickets.geo_clusters.boundary IS 'Area of the cluster as a polygon, SRID 4326.';
INSERT INTO tickets.geo_clusters
SELECT cluster, region, lat, lon, radius, g::geography, ST_Buffer(g::geography, radius)::geometry
FROM (SELECT *, (spread * 140000)::int AS radius, ST_SetSRID(ST_MakePoint(lon, lat), 4326) AS g FROM demo_build.places) AS p
ORDER BY region, cluster;

CREATE TABLE tickets.geo_locations (
    location_id bigint PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('pop', 'cabinet', 'mast', 'customer')),
    cluster     text NOT NULL REFERENCES tickets.geo_clusters,
    region      text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    latitude    double precision NOT NULL,
    longitude   double precision NOT NULL,
    geom        geometry(Point, 4326) NOT NULL
);
COMMENT ON TABLE tickets.geo_locations IS 'Network sites that tickets are about, a dozen per cluster.';
COMMENT ON COLUMN tickets.geo_locations.kind IS 'pop (point of presence), cabinet, mast or customer.';
INSERT INTO tickets.geo_locations
SELECT id, format('%s-%s-%s', upper(left(cluster, 3)), CASE kind WHEN 'pop' THEN 'POP' WHEN 'cabinet' THEN 'CAB' WHEN 'mast' THEN 'MST' ELSE 'CUS' END, lpad(id::text, 4, '0')),
       kind, cluster, region, lat, lon, ST_SetSRID(ST_MakePoint(lon, lat), 4326)
FROM (SELECT *, CASE WHEN n = 1 THEN 'pop' WHEN n <= 5 THEN 'cabinet' WHEN n <= 7 THEN 'mast' ELSE 'customer' END AS kind,
             round((base_lat + (demo_build.u(id, 71) - 0.5) * 2 * spread)::numeric, 6)::double precision AS lat,
             round((base_lon + (demo_build.u(id, 72) - 0.5) * 2 * spread)::numeric, 6)::double precision AS lon
      FROM (SELECT row_number() OVER (ORDER BY region, cluster, n) AS id, region, cluster, lat AS base_lat, lon AS base_lon, spread, n
            FROM demo_build.places, generate_series(1, 12) AS n) AS numbered) AS p;

CREATE TABLE tickets.inc (
    ticket_id          bigint PRIMARY KEY,
    reference          text NOT NULL UNIQUE,
    title              text NOT NULL,
    bucket             text NOT NULL CHECK (bucket IN ('fibre', 'power', 'radio', 'equipment', 'customer')),
    priority           text NOT NULL CHECK (priority IN ('P1', 'P2', 'P3', 'P4')),
    raw_status         text NOT NULL,
    normalized_status  text NOT NULL CHECK (normalized_status IN ('open', 'in_progress', 'on_hold', 'resolved', 'closed')),
    sla_status         text NOT NULL CHECK (sla_status IN ('within', 'at_risk', 'breached')),
    sla_target         interval NOT NULL,
    region             text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    cluster            text NOT NULL REFERENCES tickets.geo_clusters,
    location_id        bigint REFERENCES tickets.geo_locations,
    owner              text,
    device_id          bigint REFERENCES tracksolid.devices,
    customers_affected int NOT NULL,
    mttr               interval,
    opened_at          timestamptz NOT NULL,
    closed_at          timestamptz,
    latitude           double precision NOT NULL,
    longitude          double precision NOT NULL,
    geog               geography(Point, 4326) NOT NULL,
    geom               geometry(Point, 4326) NOT NULL,
    comment            text,
    raw                text NOT NULL,
    updated_at         timestamptz NOT NULL,
    CHECK (closed_at >= opened_at)
);
COMMENT ON TABLE tickets.inc IS
  'Incident tickets (INC), one row each; new ones arrive all day. Open: closed_at IS NULL; their SLA state: inc_open_sla. MTTR of a group: avg(mttr) over the tickets closed in the period.';
COMMENT ON COLUMN tickets.inc.ticket_id IS 'Number of the ticket.';
COMMENT ON COLUMN tickets.inc.reference IS 'The number as people write it, for example INC-204512.';
COMMENT ON COLUMN tickets.inc.bucket IS 'Kind of fault, which decides the queue: fibre, power, radio, equipment or customer.';
COMMENT ON COLUMN tickets.inc.priority IS 'P1 (most urgent, 4 h) to P4 (48 h); sets sla_target.';
COMMENT ON COLUMN tickets.inc.raw_status IS 'Status word of the source system, spelled many ways; use normalized_status.';
COMMENT ON COLUMN tickets.inc.normalized_status IS 'open, in_progress, on_hold (all three: not closed yet), resolved or closed.';
COMMENT ON COLUMN tickets.inc.sla_status IS 'within, at_risk (more than 60 % of sla_target used) or breached (beyond it). Final once closed; for open tickets as of the nightly load at 03:00: their live state is inc_open_sla.sla_status.';
COMMENT ON COLUMN tickets.inc.sla_target IS 'Time allowed from opened_at to closed_at, from the priority.';
COMMENT ON COLUMN tickets.inc.region IS 'Nairobi, Mombasa, Kisumu, Nakuru or Eldoret.';
COMMENT ON COLUMN tickets.inc.cluster IS 'Work area within the region, see tickets.geo_clusters.';
COMMENT ON COLUMN tickets.inc.owner IS 'Team that holds the ticket; null while unassigned.';
COMMENT ON COLUMN tickets.inc.device_id IS 'Vehicle sent to it; null when none was.';
COMMENT ON COLUMN tickets.inc.mttr IS 'Time to repair as an interval, closed_at - opened_at; null while open. In hours: extract(epoch FROM mttr) / 3600.';
COMMENT ON COLUMN tickets.inc.opened_at IS 'When it was opened.';
COMMENT ON COLUMN tickets.inc.closed_at IS 'When it was closed; null while open.';
COMMENT ON COLUMN tickets.inc.geog IS 'Place as geography: ST_DWithin(geog, other, metres) and ST_Distance are in metres.';
COMMENT ON COLUMN tickets.inc.geom IS 'The same place as geometry, SRID 4326 (degrees).';
COMMENT ON COLUMN tickets.inc.comment IS 'Last note of the team, free text written by people.';
COMMENT ON COLUMN tickets.inc.raw IS 'Original source record as text, kept for audit. Query the typed columns instead.';

INSERT INTO tickets.inc
WITH cause (bucket, weight_from, weight_to, priority_from, titles) AS (VALUES
    ('fibre',     0.00, 0.34, 0, ARRAY['Fibre cut on feeder', 'High loss on span', 'Splice enclosure flooded', 'Aerial cable down after accident']),
    ('power',     0.34, 0.54, 0, ARRAY['Site on battery, mains failed', 'Generator does not start', 'Rectifier module alarm']),
    ('radio',     0.54, 0.68, 1, ARRAY['Microwave hop degraded', 'Sector down', 'High VSWR on antenna']),
    ('equipment', 0.68, 0.82, 1, ARRAY['OLT card fault', 'Switch unreachable', 'Router reboots by itself']),
    ('customer',  0.82, 1.00, 2, ARRAY['Customer link down', 'ONT does not register', 'Slow internet at enterprise site'])
), base AS MATERIALIZED (
    SELECT n, a.now_at AS as_of, l.*, c.bucket, demo_build.pick(c.titles, n, 82) || ' at ' || l.name AS title,
           least(4, 1 + c.priority_from + floor(demo_build.u(n, 83) * 2.6)::int) AS prio,
           -- some fifty a day: most by day with a peak around midday, some at any hour; of today's those that are past
           (a.today - CASE WHEN n > 6000 THEN 0 ELSE 1 + floor(demo_build.u(n, 84) * 120)::int END
              + CASE WHEN demo_build.u(n, 80) < 0.15 THEN 24 * demo_build.u(n, 85) ELSE 2 + 10 * demo_build.u(n, 85) + 11 * demo_build.u(n, 86) END
                * interval '1 hour') AT TIME ZONE 'Africa/Nairobi' AS opened
    FROM demo_build.params a, generate_series(1, 6050) AS n
    CROSS JOIN LATERAL (SELECT * FROM cause WHERE demo_build.u(n, 81) >= weight_from AND demo_build.u(n, 81) < weight_to) AS c
    CROSS JOIN LATERAL (SELECT demo_build.u(n, 87) AS w) AS pick
    CROSS JOIN LATERAL (
        SELECT g.* FROM tickets.geo_locations g
        WHERE g.region = CASE WHEN w < 0.41 THEN 'Nairobi' WHEN w < 0.62 THEN 'Mombasa' WHEN w < 0.77 THEN 'Kisumu' WHEN w < 0.90 THEN 'Nakuru' ELSE 'Eldoret' END
        ORDER BY hashint8extended(g.location_id * 100003 + n, 88) LIMIT 1) AS l
), worked AS MATERIALIZED (
    SELECT *, 204000 + row_number() OVER (ORDER BY opened, n) AS number,
           -- the nightly load of 03:00
           date_trunc('day', as_of - interval '3 hours', 'Africa/Nairobi') + interval '3 hours' AS loaded_at, (ARRAY[4, 8, 24, 48])[prio] * interval '1 hour' AS target,
           -- far clusters take longer; the sum of three draws stands in for a bell curve
           interval '1 hour' * (ARRAY[2.1, 3.9, 10.0, 21.0])[prio]
             * (0.7 + 0.9 * demo_build.u(hashtext(cluster), 89))
             * CASE WHEN cluster IN ('Maseno', 'Mariakani', 'Moiben', 'Naivasha') THEN 1.35 ELSE 1 END
             * exp((demo_build.u(n, 90) + demo_build.u(n, 91) + demo_build.u(n, 92) - 1.5) * 1.5) AS repair,
           demo_build.u(n, 93) < 0.035 AND opened > as_of - interval '35 days' AS stuck
    FROM base WHERE opened <= as_of
), state AS MATERIALIZED (
    SELECT *, date_trunc('second', opened) AS opened_s, CASE WHEN NOT stuck AND opened + repair <= as_of THEN date_trunc('second', opened + repair) END AS closed
    FROM worked
), status AS MATERIALIZED (
    SELECT *, closed - opened_s AS took,
           CASE WHEN closed IS NOT NULL THEN CASE WHEN as_of - closed < interval '1 day' THEN 'resolved' ELSE 'closed' END
                WHEN stuck AND demo_build.u(n, 94) < 0.6 THEN 'on_hold'
                WHEN as_of - opened_s < interval '90 minutes' THEN 'open' ELSE 'in_progress' END AS normalized
    FROM state
)
SELECT number, 'INC-' || number, title, bucket, 'P' || prio, raw_status, normalized,
       CASE WHEN coalesce(took, loaded_at - opened_s) > target THEN 'breached'
            WHEN closed IS NULL AND loaded_at - opened_s > target * 0.6 THEN 'at_risk' ELSE 'within' END,
       target, region, cluster, location_id, team,
       CASE WHEN normalized <> 'open' THEN (SELECT d.device_id FROM tracksolid.devices d WHERE d.region = s.region
                                            ORDER BY hashint8extended(d.device_id * 1009 + s.n, 95) LIMIT 1) END,
       customers, took, opened_s, closed, latitude, longitude, geom::geography, geom, note,
       format('Ticket: INC-%s|Status: %s|Queue: %s|Priority: %s|Site: %s|Opened: %s|Affected: %s|Team: %s|Note: %s',
              number, raw_status, upper(bucket), prio, name, to_char(opened_s, 'DD/MM/YYYY HH24:MI'), customers, coalesce(team, '-'), coalesce(note, '')),
       coalesce(closed, least(as_of, opened_s + interval '40 minutes'))
FROM status s
CROSS JOIN LATERAL (SELECT
    CASE normalized WHEN 'open' THEN demo_build.pick(ARRAY['NEW', 'New', 'Logged'], n, 96)
                    WHEN 'in_progress' THEN demo_build.pick(ARRAY['WIP', 'Assigned', 'update', 'In Progress'], n, 96)
                    WHEN 'on_hold' THEN demo_build.pick(ARRAY['PENDING', 'Pending customer', 'Awaiting wayleave'], n, 96)
                    WHEN 'resolved' THEN demo_build.pick(ARRAY['RESOLVED', 'Fixed'], n, 96)
                    ELSE demo_build.pick(ARRAY['CLOSED', 'Closed', 'closed - confirmed'], n, 96) END AS raw_status,
    CASE WHEN normalized <> 'open' THEN region || ' ' || demo_build.pick(ARRAY['Field Team A', 'Field Team B', 'Night Shift', 'Fibre Crew', 'O''Brien Contractors'], n, 97) END AS team,
    CASE bucket WHEN 'customer' THEN 1 ELSE 5 + (demo_build.u(n, 98) ^ 3 * (5 - prio) * 220)::int END AS customers,
    CASE WHEN demo_build.u(n, 99) < 0.55 THEN demo_build.pick(ARRAY[
        'call customer; do not drop', 'Spliced 4 cores, tested OK', 'it''s raining -- team waits for access', 'Waiting for KPLC to restore mains',
        'customer over credit limit, update billing first', 'Replaced SFP; link up', 'Gate locked, caretaker''s number does not answer',
        'Generator refuelled, 120 l', 'Duplicate of an earlier report / same span', 'Wayleave: owner asks for a letter'], n, 100) END AS note) AS t
ORDER BY opened_s, n;
CREATE INDEX inc_opened_at_idx ON tickets.inc (opened_at);
CREATE INDEX inc_closed_at_idx ON tickets.inc (closed_at);
CREATE INDEX inc_cluster_idx ON tickets.inc (cluster);
CREATE INDEX inc_geog_idx ON tickets.inc USING gist (geog);

CREATE TABLE tickets.crq (
    crq_id        bigint PRIMARY KEY,
    title         text NOT NULL,
    status        text NOT NULL CHECK (status IN ('draft', 'approved', 'implemented', 'rolled_back', 'cancelled')),
    risk          text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    region        text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    cluster       text NOT NULL REFERENCES tickets.geo_clusters,
    requested_by  text NOT NULL,
    planned_start timestamptz NOT NULL,
    planned_end   timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    comment       text,
    CHECK (planned_end > planned_start),
    CHECK (created_at < planned_start)
);
COMMENT ON TABLE tickets.crq IS 'Change requests (CRQ): planned work on the network, with its window.';
COMMENT ON COLUMN tickets.crq.status IS 'draft, approved, implemented, rolled_back or cancelled.';
COMMENT ON COLUMN tickets.crq.planned_start IS 'Start of the agreed window, mostly after 22:00 local time.';
INSERT INTO tickets.crq
SELECT 50000 + n,
       demo_build.pick(ARRAY['Swap OLT line card', 'Move feeder to new duct', 'Router software upgrade', 'Replace battery bank', 'Add microwave hop', 'Renumber access VLANs'], n, 111)
         || ', ' || p.cluster,
       CASE WHEN starts > a.now_at + interval '4 days' THEN demo_build.pick(ARRAY['draft', 'draft', 'approved', 'approved', 'cancelled'], n, 112)
            WHEN ends > a.now_at THEN 'approved'
            ELSE demo_build.pick(ARRAY['implemented', 'implemented', 'implemented', 'implemented', 'rolled_back', 'cancelled'], n, 112) END,
       demo_build.pick(ARRAY['low', 'low', 'medium', 'high'], n, 113), p.region, p.cluster,
       demo_build.pick(ARRAY['Planning', 'Access Network', 'Core Network', 'Power', 'Enterprise Delivery'], n, 114),
       starts, ends,
       -- asked for in office hours, days before the window and before now
       (least(starts::date - 3, a.today - 1) - floor(demo_build.u(n, 116) * 12)::int + time '08:00' + floor(demo_build.u(n, 119) * 540) * interval '1 minute')
           AT TIME ZONE 'Africa/Nairobi',
       CASE WHEN n % 3 = 0 THEN 'Customers told 48 h before' END
FROM demo_build.params a, generate_series(1, 420) AS n
CROSS JOIN LATERAL (SELECT * FROM demo_build.places ORDER BY demo_build.u(n * 100, 117 + length(cluster) * 7 + ascii(cluster)) LIMIT 1) AS p
CROSS JOIN LATERAL (SELECT (a.today - 118 + floor(n * 132 / 420.0)::int + time '22:00' + floor(demo_build.u(n, 118) * 3) * interval '1 hour') AT TIME ZONE 'Africa/Nairobi' AS starts) AS t
CROSS JOIN LATERAL (SELECT starts + (1 + floor(demo_build.u(n, 115) * 5)) * interval '1 hour' AS ends) AS e;

CREATE TABLE tickets.closure_events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id   bigint NOT NULL REFERENCES tickets.inc,
    at          timestamptz NOT NULL,
    from_status text NOT NULL CHECK (from_status IN ('in_progress', 'closed')),
    to_status   text NOT NULL CHECK (to_status IN ('in_progress', 'closed')),
    actor       text NOT NULL,
    root_cause  text CHECK (root_cause IN ('third party', 'weather', 'equipment', 'vandalism', 'unknown'))
);
COMMENT ON TABLE tickets.closure_events IS
  'Status changes that closed or reopened an incident, oldest first; a ticket with more than one closing row had been reopened.';
COMMENT ON COLUMN tickets.closure_events.at IS 'When the status changed.';
COMMENT ON COLUMN tickets.closure_events.root_cause IS 'Cause given at closing: third party, weather, equipment, vandalism or unknown.';
INSERT INTO tickets.closure_events (ticket_id, at, from_status, to_status, actor, root_cause)
SELECT ticket_id, at, from_status, to_status, coalesce(owner, 'NOC'),
       CASE WHEN to_status = 'closed' THEN demo_build.pick(ARRAY['third party', 'weather', 'equipment', 'vandalism', 'unknown'], ticket_id, 121) END
FROM tickets.inc
CROSS JOIN LATERAL (VALUES (opened_at + mttr * 0.6, 'in_progress', 'closed', true), (opened_at + mttr * 0.7, 'closed', 'in_progress', true),
                           (closed_at, 'in_progress', 'closed', false)) AS step (at, from_status, to_status, reopened)
WHERE closed_at IS NOT NULL AND (NOT reopened OR demo_build.u(ticket_id, 122) < 0.06)
ORDER BY at, ticket_id;
CREATE INDEX closure_events_ticket_id_idx ON tickets.closure_events (ticket_id);

CREATE TABLE tickets.inc_daily_snapshot (
    day          date NOT NULL,
    region       text NOT NULL,
    cluster      text NOT NULL REFERENCES tickets.geo_clusters,
    open_at_end  int NOT NULL,
    opened       int NOT NULL,
    closed       int NOT NULL,
    breached     int NOT NULL,
    PRIMARY KEY (day, cluster)
);
COMMENT ON TABLE tickets.inc_daily_snapshot IS 'Incident counts per local day and cluster, for trends; ends with yesterday.';
COMMENT ON COLUMN tickets.inc_daily_snapshot.open_at_end IS 'Incidents open at midnight at the end of the day.';
COMMENT ON COLUMN tickets.inc_daily_snapshot.breached IS 'Of those closed that day, how many had missed their SLA; nothing about open ones.';
INSERT INTO tickets.inc_daily_snapshot
SELECT day::date, c.region, c.cluster,
       count(*) FILTER (WHERE i.opened_at < day + interval '1 day' AND (i.closed_at IS NULL OR i.closed_at >= day + interval '1 day')),
       count(*) FILTER (WHERE i.opened_at >= day AND i.opened_at < day + interval '1 day'),
       count(*) FILTER (WHERE i.closed_at >= day AND i.closed_at < day + interval '1 day'),
       count(*) FILTER (WHERE i.closed_at >= day AND i.closed_at < day + interval '1 day' AND i.sla_status = 'breached')
FROM demo_build.params a
CROSS JOIN LATERAL generate_series((a.today - 120)::timestamptz, (a.today - 1)::timestamptz, interval '1 day') AS day
CROSS JOIN tickets.geo_clusters c
LEFT JOIN tickets.inc i ON i.cluster = c.cluster AND i.opened_at < day + interval '1 day' AND (i.closed_at IS NULL OR i.closed_at >= day)
GROUP BY day, c.region, c.cluster
ORDER BY day, c.cluster;

CREATE VIEW tickets.inc_open_sla AS
SELECT ticket_id, reference, title, bucket, priority, normalized_status,
       CASE WHEN now() - opened_at > sla_target THEN 'breached' WHEN now() - opened_at > sla_target * 0.6 THEN 'at_risk' ELSE 'within' END AS sla_status,
       region, cluster, owner, opened_at,
       opened_at + sla_target AS sla_due_at, now() - opened_at AS age, opened_at + sla_target - now() AS sla_left
FROM tickets.inc WHERE closed_at IS NULL;
COMMENT ON VIEW tickets.inc_open_sla IS 'Open incidents against their SLA at this moment, one row per ticket. Group by region, cluster or sla_status for the state of the queue.';
COMMENT ON COLUMN tickets.inc_open_sla.sla_status IS 'Now: breached (older than its target), at_risk (more than 60 % of it used) or within.';
COMMENT ON COLUMN tickets.inc_open_sla.age IS 'Time since it was opened.';
COMMENT ON COLUMN tickets.inc_open_sla.sla_left IS 'Time left until the SLA is missed; negative once it is.';

CREATE FUNCTION tickets.fn_open_by_region() RETURNS TABLE (region text, sla_status text, open bigint, oldest_opened_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT i.region, i.sla_status, count(*), min(i.opened_at) FROM tickets.inc_open_sla i GROUP BY 1, 2 ORDER BY 1, 2 $$;
COMMENT ON FUNCTION tickets.fn_open_by_region IS 'Incidents open now, counted by region and SLA status at this moment.';

CREATE FUNCTION tickets.fn_mttr_by_cluster(p_from date DEFAULT date_trunc('month', current_date)::date, p_to date DEFAULT current_date)
RETURNS TABLE (region text, cluster text, closed bigint, mttr interval, breached_pct numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT i.region, i.cluster, count(*), date_trunc('second', avg(i.mttr)), round(100.0 * count(*) FILTER (WHERE i.sla_status = 'breached') / count(*), 1)
    FROM tickets.inc i WHERE i.closed_at >= p_from AND i.closed_at < p_to + 1 GROUP BY 1, 2 ORDER BY 4 DESC
$$;
COMMENT ON FUNCTION tickets.fn_mttr_by_cluster IS
  'Incidents closed from p_from to p_to, both days included (default: this month up to now), by cluster: how many, mean time to repair from opening to closing (interval), and percent closed after their SLA. Slowest first.';

CREATE FUNCTION tickets.fn_sla_target(p_priority text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE p_priority WHEN 'P1' THEN interval '4 hours' WHEN 'P2' THEN interval '8 hours' WHEN 'P3' THEN interval '24 hours' WHEN 'P4' THEN interval '48 hours' END $$;
COMMENT ON FUNCTION tickets.fn_sla_target IS 'Time allowed from opening to closing for P1 (4 h), P2 (8 h), P3 (24 h) or P4 (48 h); null for anything else.';

CREATE FUNCTION tickets.fn_backlog(p_day date DEFAULT current_date - 1) RETURNS TABLE (region text, open_at_end bigint, opened bigint, closed bigint)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT s.region, sum(s.open_at_end), sum(s.opened), sum(s.closed) FROM tickets.inc_daily_snapshot s WHERE s.day = p_day GROUP BY 1 ORDER BY 2 DESC $$;
COMMENT ON FUNCTION tickets.fn_backlog IS 'Incidents open at the end of a local day, and opened and closed on it, by region, from inc_daily_snapshot (default: yesterday, its last day).';

CREATE FUNCTION tickets.fn_near(p_latitude double precision, p_longitude double precision, p_metres int DEFAULT 2000, p_days int DEFAULT 30)
RETURNS TABLE (ticket_id bigint, title text, normalized_status text, opened_at timestamptz, metres numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT i.ticket_id, i.title, i.normalized_status, i.opened_at, round(ST_Distance(i.geog, here.g)::numeric)
    FROM tickets.inc i, (SELECT ST_SetSRID(ST_MakePoint(p_longitude, p_latitude), 4326)::geography AS g) AS here
    WHERE ST_DWithin(i.geog, here.g, p_metres) AND i.opened_at >= current_date - p_days
    ORDER BY 5, 4 DESC
$$;
COMMENT ON FUNCTION tickets.fn_near IS 'Incidents opened in the last p_days days and today, open or closed, within p_metres of a point (degrees), nearest first.';

CREATE FUNCTION tickets.fn_nearest_cluster(p_latitude double precision, p_longitude double precision) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT cluster FROM tickets.geo_clusters ORDER BY ST_Distance(centre, ST_SetSRID(ST_MakePoint(p_longitude, p_latitude), 4326)::geography) LIMIT 1 $$;
COMMENT ON FUNCTION tickets.fn_nearest_cluster IS 'The cluster whose centre is nearest to a point.';

CREATE FUNCTION tickets.fn_repeat_sites(p_days int DEFAULT 30, p_at_least int DEFAULT 3)
RETURNS TABLE (location text, kind text, region text, cluster text, incidents bigint, last_opened_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT l.name, l.kind, l.region, l.cluster, count(*), max(i.opened_at)
    FROM tickets.inc i JOIN tickets.geo_locations l USING (location_id)
    WHERE i.opened_at >= current_date - p_days
    GROUP BY l.location_id HAVING count(*) >= p_at_least ORDER BY 5 DESC, 6 DESC
$$;
COMMENT ON FUNCTION tickets.fn_repeat_sites IS 'Sites with at least p_at_least incidents opened in the last p_days days and today, of any priority, most first.';
COMMIT;
ANALYZE tickets.geo_clusters, tickets.geo_locations, tickets.inc, tickets.crq, tickets.closure_events, tickets.inc_daily_snapshot;
