-- 50_fuel.sql — fuel card fills that follow from the distance driven
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;
SET timezone = 'Africa/Nairobi';

BEGIN;
CREATE TABLE fuel.records (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id           bigint NOT NULL REFERENCES tracksolid.devices,
    filled_at           timestamptz NOT NULL,
    fuel_type           text NOT NULL CHECK (fuel_type IN ('diesel', 'petrol')),
    litres              numeric(8,2) NOT NULL CHECK (litres > 0),
    price_per_litre_kes numeric(6,2) NOT NULL,
    cost_kes            numeric(12,2) NOT NULL,
    odometer_km         numeric(12,3),
    station             text NOT NULL,
    region              text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    card_last4          char(4) NOT NULL,
    receipt_no          text NOT NULL UNIQUE,
    source              text NOT NULL,
    ingested_at         timestamptz NOT NULL CHECK (ingested_at >= filled_at)
);
COMMENT ON TABLE fuel.records IS
  'One row per fill on a company fuel card. A fill covers the days since the one before it: l/100 km = 100 * sum(litres) / distance over the same weeks.';
COMMENT ON COLUMN fuel.records.device_id IS 'Vehicle.';
COMMENT ON COLUMN fuel.records.filled_at IS 'When the fill was paid.';
COMMENT ON COLUMN fuel.records.litres IS 'Litres filled.';
COMMENT ON COLUMN fuel.records.price_per_litre_kes IS 'Pump price, KES per litre.';
COMMENT ON COLUMN fuel.records.cost_kes IS 'Amount paid, KES including tax; litres times price.';
COMMENT ON COLUMN fuel.records.odometer_km IS 'Odometer typed in at the pump, km; null when it was left out.';
COMMENT ON COLUMN fuel.records.region IS 'Region of the station.';
COMMENT ON COLUMN fuel.records.card_last4 IS 'Last four digits of the fuel card.';
COMMENT ON COLUMN fuel.records.source IS 'Feed it came from, see fuel.ingest_state.';
COMMENT ON COLUMN fuel.records.ingested_at IS 'When it reached this table, up to an hour after filled_at.';

-- A fill once half a tank is used, in the evening of the day on which that happens or before the next shift.
INSERT INTO fuel.records (device_id, filled_at, fuel_type, litres, price_per_litre_kes, cost_kes, odometer_km, station, region,
                          card_last4, receipt_no, source, ingested_at)
SELECT device_id, filled_at, fuel_type, litres, price, round(litres * price, 2),
       CASE WHEN demo_build.u(key, 61) > 0.04 THEN round(odometer_km) END,
       demo_build.pick(ARRAY['TotalEnergies', 'Rubis', 'Shell', 'Ola Energy', 'National Oil'], key, 62) || ' ' ||
           (SELECT cluster FROM demo_build.places pl WHERE pl.region = f.region ORDER BY demo_build.u(f.key, 63 + length(cluster)) LIMIT 1),
       region, lpad((device_id * 7919 % 10000)::text, 4, '0'), 'RC' || lpad((4000000 + key)::text, 8, '0'),
       CASE WHEN region IN ('Nairobi', 'Nakuru') THEN 'cardpro_api' ELSE 'fleetcard_csv' END,
       ingested_at
FROM (
    SELECT g.*, d.region, d.fuel_type, d.device_id * 1000 + g.fill AS key,
           -- real consumption is the rated one times the driver's temper, and no tank takes more than it holds; a few cards
           -- are used for more than the vehicle
           round(least(g.km * (d.specs ->> 'l_per_100km')::numeric / 100
                       * (0.94 + 0.28 * demo_build.u(g.device_id, 51) + 0.1 * demo_build.u(d.device_id * 1000 + g.fill, 65))::numeric,
                       (d.specs ->> 'tank_l')::numeric * 0.97)
                 * CASE WHEN demo_build.u(d.device_id * 1000 + g.fill, 66) < 0.02 THEN 1.7 ELSE 1 END, 2) AS litres,
           date_trunc('second', g.filled_at + (5 + 55 * demo_build.u(d.device_id * 1000 + g.fill, 64)) * interval '1 minute') AS ingested_at,
           -- the regulator sets pump prices once a month; the coast is a little cheaper
           (CASE d.fuel_type WHEN 'diesel' THEN 171.40 ELSE 180.60 END
              + (extract(month FROM g.filled_at)::int * 7 % 5 - 2) * 1.35
              - CASE d.region WHEN 'Mombasa' THEN 3.15 WHEN 'Kisumu' THEN -0.35 ELSE 0 END)::numeric(6,2) AS price
    FROM (
        SELECT device_id, fill, sum(distance_km) AS km, max(odometer_km) AS odometer_km,
               -- null for the tank that is being used now: it has not been filled again
               CASE WHEN max(upto) >= fill + 1 THEN
                   CASE WHEN demo_build.u(device_id * 1000 + fill, 67) < 0.6 THEN max(last_fix_at) + interval '11 minutes'
                        ELSE lead(min(first_fix_at)) OVER w - interval '9 minutes' END END AS filled_at
        FROM (SELECT *, floor(upto - distance_km / half_tank_km)::bigint AS fill
              FROM (SELECT r.*, h.*, sum(r.distance_km) OVER (PARTITION BY r.device_id ORDER BY r.day) / half_tank_km AS upto
                    FROM demo_build.rollup r JOIN tracksolid.devices d USING (device_id),
                         LATERAL (SELECT 50 * (d.specs ->> 'tank_l')::numeric / (d.specs ->> 'l_per_100km')::numeric AS half_tank_km) AS h) AS r) AS running
        GROUP BY device_id, fill
        WINDOW w AS (PARTITION BY device_id ORDER BY fill)) AS g
    JOIN tracksolid.devices d USING (device_id)
) AS f, demo_build.params p
WHERE litres > 1 AND ingested_at <= p.now_at
ORDER BY filled_at, device_id;
CREATE INDEX records_device_id_filled_at_idx ON fuel.records (device_id, filled_at);
CREATE INDEX records_filled_at_idx ON fuel.records (filled_at);

CREATE TABLE fuel.ingest_state (
    source         text PRIMARY KEY,
    last_file      text,
    last_record_at timestamptz,
    rows_ingested  bigint NOT NULL,
    last_error     text,
    updated_at     timestamptz NOT NULL
);
COMMENT ON TABLE fuel.ingest_state IS
  'One row per provider feed: how far it has been read. Look here when recent fills seem to be missing.';
COMMENT ON COLUMN fuel.ingest_state.last_record_at IS 'Newest fill read from this feed.';
COMMENT ON COLUMN fuel.ingest_state.last_error IS 'Last failure, null when the last run was clean.';
INSERT INTO fuel.ingest_state
SELECT source, source || to_char(max(filled_at), '_YYYYMMDD') || '.csv', max(filled_at), count(*),
       CASE source WHEN 'fleetcard_csv' THEN '2 lines skipped: unknown plate' END, max(ingested_at)
FROM fuel.records GROUP BY source;
ALTER TABLE fuel.records ADD FOREIGN KEY (source) REFERENCES fuel.ingest_state;

GRANT USAGE ON SCHEMA fuel TO tracksolid_owner; -- its reporting views add fuel cost
GRANT SELECT ON ALL TABLES IN SCHEMA fuel TO tracksolid_owner;

CREATE FUNCTION fuel.fn_litres(p_device bigint, p_from date DEFAULT current_date - 30, p_to date DEFAULT current_date) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(sum(litres), 0) FROM fuel.records WHERE device_id = p_device AND filled_at >= p_from AND filled_at < p_to + 1 $$;
COMMENT ON FUNCTION fuel.fn_litres IS 'Litres filled by one vehicle from p_from to p_to, both days included (default: the last 30 days and today so far).';

CREATE FUNCTION fuel.fn_cost_by_cost_centre(p_days int DEFAULT 30)
RETURNS TABLE (cost_centre text, fills bigint, litres numeric, cost_kes numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT d.cost_centre, count(*), sum(r.litres), sum(r.cost_kes)
    FROM fuel.records r JOIN tracksolid.devices d USING (device_id)
    WHERE r.filled_at >= current_date - p_days
    GROUP BY d.cost_centre ORDER BY sum(r.cost_kes) DESC
$$;
COMMENT ON FUNCTION fuel.fn_cost_by_cost_centre IS 'Fills, litres and KES by the vehicle''s cost centre over the last p_days days and today so far, dearest first.';

CREATE FUNCTION fuel.fn_consumption(p_days int DEFAULT 30)
RETURNS TABLE (device_id bigint, plate text, model text, distance_km numeric, litres numeric, l_per_100km numeric, rated_l_per_100km numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT d.device_id, d.plate, d.model, km.distance_km, f.litres, round(100 * f.litres / nullif(km.distance_km, 0), 1), (d.specs ->> 'l_per_100km')::numeric
    FROM tracksolid.devices d
    JOIN (SELECT r.device_id, sum(r.distance_km) AS distance_km FROM reporting.daily_rollup r WHERE r.day >= current_date - p_days GROUP BY 1) AS km USING (device_id)
    JOIN (SELECT r.device_id, sum(r.litres) AS litres FROM fuel.records r WHERE r.filled_at >= current_date - p_days AND r.filled_at < current_date GROUP BY 1) AS f USING (device_id)
    ORDER BY 6 DESC NULLS LAST
$$;
COMMENT ON FUNCTION fuel.fn_consumption IS
  'l/100 km by vehicle, litres filled by distance driven over the p_days days that end yesterday, beside the rated figure; thirstiest first. Needs 30 days or more: a fill covers several days.';

CREATE FUNCTION fuel.fn_price(p_fuel_type text, p_on date DEFAULT current_date, p_region text DEFAULT 'Nairobi') RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT price_per_litre_kes FROM fuel.records
    WHERE fuel_type = lower(p_fuel_type) AND region = initcap(p_region) AND filled_at < p_on + 1 ORDER BY filled_at DESC LIMIT 1
$$;
COMMENT ON FUNCTION fuel.fn_price IS 'Last pump price paid in a region up to p_on, KES per litre; p_fuel_type is diesel or petrol. Null: no such fill up to that day, or no such region or fuel.';

CREATE FUNCTION fuel.fn_suspect_fills(p_days int DEFAULT 30)
RETURNS TABLE (id bigint, plate text, driver_name text, filled_at timestamptz, litres numeric, expected_litres numeric, tank_l numeric, station text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    WITH metered AS (
        SELECT f.*, (SELECT p.odometer_km FROM tracksolid.positions p WHERE p.device_id = f.device_id AND p.ts <= f.filled_at ORDER BY p.ts DESC LIMIT 1) AS km
        FROM fuel.records f
    ), driven AS (
        SELECT m.*, nullif(km - lag(km) OVER (PARTITION BY m.device_id ORDER BY m.filled_at), 0) AS km_since FROM metered m
    ), usual AS (
        SELECT v.device_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY v.litres / v.km_since)::numeric AS l_per_km FROM driven v GROUP BY 1
    )
    SELECT v.id, d.plate, d.driver_name, v.filled_at, v.litres, round(v.km_since * u.l_per_km, 1), (d.specs ->> 'tank_l')::numeric, v.station
    FROM driven v JOIN usual u USING (device_id) JOIN tracksolid.devices d USING (device_id)
    WHERE v.filled_at >= current_date - p_days AND (v.litres > 1.4 * v.km_since * u.l_per_km OR v.litres > (d.specs ->> 'tank_l')::numeric)
    ORDER BY v.litres / least(v.km_since * u.l_per_km, (d.specs ->> 'tank_l')::numeric) DESC
$$;
COMMENT ON FUNCTION fuel.fn_suspect_fills IS
  'Suspicious fills of the last p_days days and today so far: more litres than the tank holds, or over 1.4 times expected_litres (tracker km since the last fill at the vehicle''s own median consumption). Worst first.';

CREATE FUNCTION fuel.fn_month_total(p_month date DEFAULT current_date)
RETURNS TABLE (month date, fuel_type text, litres numeric, cost_kes numeric, avg_price_kes numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT date_trunc('month', p_month)::date, r.fuel_type, sum(r.litres), sum(r.cost_kes), round(sum(r.cost_kes) / sum(r.litres), 2)
    FROM fuel.records r
    WHERE r.filled_at >= date_trunc('month', p_month) AND r.filled_at < date_trunc('month', p_month) + interval '1 month'
    GROUP BY r.fuel_type ORDER BY r.fuel_type
$$;
COMMENT ON FUNCTION fuel.fn_month_total IS 'Litres, KES and average KES per litre by fuel type for the calendar month of p_month (default: this month so far).';

CREATE FUNCTION fuel.fn_last_fill(p_device bigint) RETURNS fuel.records
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT * FROM fuel.records WHERE device_id = p_device ORDER BY filled_at DESC LIMIT 1 $$;
COMMENT ON FUNCTION fuel.fn_last_fill IS 'The newest fill of one vehicle, a row of fuel.records.';
COMMIT;
ANALYZE fuel.records;
ANALYZE fuel.ingest_state;
