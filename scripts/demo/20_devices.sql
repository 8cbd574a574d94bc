-- 20_devices.sql — the vehicles, tracksolid.devices
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;

BEGIN;
SET ROLE tracksolid_owner;

CREATE TYPE tracksolid.ignition AS ENUM ('on', 'off', 'unknown');

CREATE TABLE tracksolid.devices (
    device_id       bigint PRIMARY KEY,
    imei            text NOT NULL UNIQUE,
    plate           text NOT NULL UNIQUE,
    cost_centre     text NOT NULL,
    region          text NOT NULL CHECK (region IN ('Nairobi', 'Mombasa', 'Kisumu', 'Nakuru', 'Eldoret')),
    driver_name     text,
    model           text NOT NULL,
    fuel_type       text NOT NULL CHECK (fuel_type IN ('diesel', 'petrol')),
    speed_limit_kmh int NOT NULL CHECK (speed_limit_kmh > 0),
    status          text NOT NULL CHECK (status IN ('active', 'maintenance')),
    installed_at    timestamptz NOT NULL,
    specs           jsonb NOT NULL,
    tags            text[] NOT NULL,
    driver_phone    text,
    sim_number      text NOT NULL
);

COMMENT ON TABLE tracksolid.devices IS
  'One row per tracked vehicle: who drives it, what it is and which cost centre pays for it. Join everything else to it by device_id.';
COMMENT ON COLUMN tracksolid.devices.device_id IS 'Key of a vehicle and its tracker throughout the database.';
COMMENT ON COLUMN tracksolid.devices.imei IS '15-digit identity of the tracker''s modem.';
COMMENT ON COLUMN tracksolid.devices.plate IS 'Kenyan number plate as written, for example KDA 123A.';
COMMENT ON COLUMN tracksolid.devices.cost_centre IS 'Name of the cost centre that pays for the vehicle, for example Nairobi Field Support.';
COMMENT ON COLUMN tracksolid.devices.region IS 'Home region: Nairobi, Mombasa, Kisumu, Nakuru or Eldoret.';
COMMENT ON COLUMN tracksolid.devices.driver_name IS 'Assigned driver (personal data); null while nobody is assigned.';
COMMENT ON COLUMN tracksolid.devices.model IS 'Make and model of the vehicle.';
COMMENT ON COLUMN tracksolid.devices.fuel_type IS 'diesel or petrol.';
COMMENT ON COLUMN tracksolid.devices.speed_limit_kmh IS 'Company speed limit for the vehicle, km/h; above it an overspeed event is recorded.';
COMMENT ON COLUMN tracksolid.devices.status IS 'active (in service, whether it moves or not), or maintenance (in the workshop).';
COMMENT ON COLUMN tracksolid.devices.installed_at IS 'When the tracker was fitted.';
COMMENT ON COLUMN tracksolid.devices.specs IS
  'JSON: model (tracker model), fw (firmware number), tank_l (tank, litres), l_per_100km (rated consumption), seats.';
COMMENT ON COLUMN tracksolid.devices.tags IS 'Free labels, for example {pickup,4x4}; night: works night shifts. Test with ''pickup'' = ANY (tags).';
COMMENT ON COLUMN tracksolid.devices.driver_phone IS 'Mobile number of the assigned driver (personal data), for example +254712345678; null while nobody is assigned.';
COMMENT ON COLUMN tracksolid.devices.sim_number IS 'Number of the SIM card in the tracker (ICCID, 19 digits).';

RESET ROLE;

WITH centre (first_slot, last_slot, cost_centre, region, models) AS (VALUES
    (  0,  17, 'Nairobi Fibre Build',        'Nairobi', ARRAY['Isuzu D-Max', 'Toyota Hilux', 'Isuzu NPR']),
    ( 18,  33, 'Nairobi Field Support',      'Nairobi', ARRAY['Toyota Probox', 'Toyota Hilux', 'Suzuki Every']),
    ( 34,  45, 'Nairobi Enterprise Install', 'Nairobi', ARRAY['Toyota Probox', 'Suzuki Every', 'Nissan NP300']),
    ( 46,  51, 'HQ Administration',          'Nairobi', ARRAY['Toyota Probox', 'Nissan X-Trail']),
    ( 52,  56, 'Logistics and Stores',       'Nairobi', ARRAY['Isuzu NPR']),
    ( 57,  70, 'Coast Field Support',        'Mombasa', ARRAY['Toyota Probox', 'Nissan NP300', 'Toyota Hilux']),
    ( 71,  79, 'Coast Fibre Build',          'Mombasa', ARRAY['Isuzu D-Max', 'Isuzu NPR']),
    ( 80,  90, 'Western Field Support',      'Kisumu',  ARRAY['Toyota Probox', 'Toyota Hilux']),
    ( 91,  97, 'Western Fibre Build',        'Kisumu',  ARRAY['Isuzu D-Max', 'Nissan NP300']),
    ( 98, 106, 'Rift Field Support',         'Nakuru',  ARRAY['Toyota Hilux', 'Toyota Probox']),
    (107, 112, 'Rift Power and Sites',       'Nakuru',  ARRAY['Toyota Hilux', 'Isuzu NPR']),
    (113, 119, 'North Rift Field Support',   'Eldoret', ARRAY['Toyota Hilux', 'Nissan NP300'])
), spec (model, fuel_type, l_per_100km, tank_l, limit_kmh, seats, tags) AS (VALUES
    ('Toyota Hilux',   'diesel', 10.8,  80, 100, 5, ARRAY['pickup', '4x4']),
    ('Isuzu D-Max',    'diesel', 10.1,  76, 100, 5, ARRAY['pickup', '4x4']),
    ('Nissan NP300',   'diesel', 10.5,  80, 100, 5, ARRAY['pickup']),
    ('Isuzu NPR',      'diesel', 17.4, 100,  80, 3, ARRAY['truck']),
    ('Toyota Probox',  'petrol',  7.3,  50, 100, 5, ARRAY['car']),
    ('Suzuki Every',   'petrol',  7.9,  40,  80, 2, ARRAY['van']),
    ('Nissan X-Trail', 'petrol',  9.2,  60, 100, 5, ARRAY['car', 'pool'])
)
INSERT INTO tracksolid.devices
SELECT i,
       '8640' || lpad((71300000000 + i * 104729)::text, 11, '0'),
       'K' || substr('BCCDDD', 1 + i % 6, 1) || chr(65 + (i * 11) % 26) || ' ' || 100 + (i * 7919) % 900 || chr(65 + (i * 5) % 26),
       c.cost_centre,
       c.region,
       CASE WHEN i % 41 <> 0 THEN
           (ARRAY['Wanjiru', 'Brian', 'Achieng', 'Kevin', 'Amina', 'Joseph', 'Faith', 'Hassan', 'Mercy', 'Dennis', 'Esther', 'Samuel',
                  'Naliaka', 'Peter', 'Joyce', 'Baraka', 'Caroline', 'Elijah', 'Salma'])[1 + i % 19] || ' ' ||
           (ARRAY['Otieno', 'Mwangi', 'Kiprop', 'Kamau', 'Mutua', 'Njoroge', 'Chebet', 'Odhiambo', 'Ng''ang''a', 'Wafula', 'Kariuki',
                  'Cheruiyot', 'Omondi', 'Juma', 'Karanja', 'Rotich', 'Muthoni'])[1 + (i * 5) % 17] END,
       s.model,
       s.fuel_type,
       s.limit_kmh,
       CASE WHEN i % 29 = 0 THEN 'maintenance' ELSE 'active' END,
       (p.today - 200 - (demo_build.u(i, 3) * 900)::int + time '09:00' + floor(demo_build.u(i, 4) * 480) * interval '1 minute')
           AT TIME ZONE 'Africa/Nairobi',
       jsonb_build_object('model', demo_build.pick(ARRAY['JC400P', 'JC261', 'VL103', 'X3'], i, 5), 'fw', 1 + i % 5,
                          'tank_l', s.tank_l, 'l_per_100km', s.l_per_100km, 'seats', s.seats),
       s.tags || lower(c.region) || CASE WHEN i % 24 = 7 THEN ARRAY['night'] ELSE '{}' END,
       CASE WHEN i % 41 <> 0 THEN '+2547' || lpad(floor(demo_build.u(i, 6) * 100000000)::text, 8, '0') END,
       '8925402' || (510000000000 + i * 337897)
FROM demo_build.params p,
     generate_series(1, p.devices) AS i,
     LATERAL (SELECT * FROM centre WHERE (i * 37) % 120 BETWEEN first_slot AND last_slot) AS c,
     LATERAL (SELECT * FROM spec WHERE spec.model = demo_build.pick(c.models, i, 2)) AS s;

CREATE INDEX devices_cost_centre_idx ON tracksolid.devices (cost_centre);
COMMIT;
ANALYZE tracksolid.devices;
