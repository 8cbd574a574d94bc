-- One table of each kind, all with the columns id, ts, a readable one and a hidden one. Every hidden value has `Zq7` in it, so that one
-- word finds it in any answer, error or log.
CREATE SCHEMA reporting; CREATE SCHEMA tracksolid; CREATE SCHEMA tickets; CREATE SCHEMA fuel; CREATE SCHEMA "odd ""Schema";
GRANT CREATE, USAGE ON SCHEMA reporting, tracksolid TO tracksolid_owner;
CREATE FUNCTION public.hc_fill(into_table regclass, kind text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$INSERT INTO %s SELECT n, timestamptz '2026-01-05 00:00+00' + n * interval '9 days', 'depot ' || n %% 2, 'Zq' || '7-' || %L || '-' || n
                      FROM generate_series(0, 7) AS n$f$, into_table, kind);
END $$;

-- What statistics, an index on an expression and a TOAST table keep of a column.
CREATE TABLE tracksolid.plain (id int PRIMARY KEY, ts timestamptz NOT NULL, depot text, phone text);
SELECT public.hc_fill('tracksolid.plain', 'plain');
INSERT INTO tracksolid.plain SELECT 100 + n, '2026-01-07 00:00+00', 'depot 0', 'Zq7-often' FROM generate_series(1, 40) AS n;
INSERT INTO tracksolid.plain VALUES (200, '2026-01-07 00:00+00', 'depot 0', (SELECT 'Zq7-' || string_agg(md5(n::text), '') FROM generate_series(1, 3000) AS n));
CREATE INDEX plain_lower ON tracksolid.plain (lower(left(phone, 40)));
CREATE STATISTICS tracksolid.plain_expressions ON lower(phone), depot FROM tracksolid.plain;
CREATE STATISTICS tracksolid.plain_columns (mcv) ON phone, depot FROM tracksolid.plain;

CREATE TABLE tracksolid.parted (id int, ts timestamptz, depot text, phone text) PARTITION BY RANGE (ts);
CREATE TABLE tracksolid.parted_1 PARTITION OF tracksolid.parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE tracksolid.parted_2 PARTITION OF tracksolid.parted FOR VALUES FROM ('2026-02-01') TO ('2027-01-01') PARTITION BY HASH (id);
CREATE TABLE tracksolid.parted_2a PARTITION OF tracksolid.parted_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tracksolid.parted_2b PARTITION OF tracksolid.parted_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT public.hc_fill('tracksolid.parted', 'parted');
-- Comes to the partitioned table after its column was hidden.
CREATE TABLE tracksolid.parted_3 (id int, ts timestamptz, depot text, phone text);
INSERT INTO tracksolid.parted_3 VALUES (1, '2025-06-01 00:00+00', 'depot 1', 'Zq7-attached-1'), (2, '2025-06-02 00:00+00', 'depot 0', 'Zq7-attached-2');

CREATE TABLE tracksolid.parent (id int, ts timestamptz, depot text, phone text);
CREATE TABLE tracksolid.child (extra int) INHERITS (tracksolid.parent);
SELECT public.hc_fill('tracksolid.parent', 'parent');
INSERT INTO tracksolid.child SELECT id + 10, ts, depot, replace(phone, 'parent', 'child'), 1 FROM tracksolid.parent;

CREATE TABLE "odd ""Schema"."a.b %s\" (id int, ts timestamptz, "de'pot." text, "c#d ""e" text);
SELECT public.hc_fill('"odd ""Schema"."a.b %s\"', 'odd');

-- The hidden column of a view and of a materialised view; nobody grants the table behind them.
CREATE TABLE tracksolid.behind (id int, ts timestamptz, depot text, phone text);
SELECT public.hc_fill('tracksolid.behind', 'behind');
CREATE VIEW reporting.people AS SELECT id, ts, depot, phone FROM tracksolid.behind;
CREATE MATERIALIZED VIEW reporting.people_kept AS SELECT id, ts, depot, phone FROM tracksolid.behind;

-- What runs with the rights of whoever calls it.
CREATE VIEW reporting.as_caller WITH (security_invoker = true) AS SELECT * FROM tracksolid.plain;
CREATE FUNCTION fuel.plain_phone(of int) RETURNS text LANGUAGE sql STABLE AS 'SELECT phone FROM tracksolid.plain WHERE id = of';
CREATE FUNCTION fuel.plain_rows() RETURNS SETOF tracksolid.plain LANGUAGE sql STABLE AS 'SELECT * FROM tracksolid.plain';
CREATE FUNCTION fuel.plain_text(of int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE found text; BEGIN EXECUTE 'SELECT p::text FROM tracksolid.plain p WHERE id = $1' INTO found USING of; RETURN found; END $$;
CREATE FUNCTION fuel.phone_of(p tracksolid.plain) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT p.phone';

-- Readable, and nothing in it is hidden.
CREATE TABLE tracksolid.depots (depot text, city text);
INSERT INTO tracksolid.depots VALUES ('depot 0', 'Nairobi'), ('depot 1', 'Mombasa');
CREATE VIEW reporting.per_depot AS SELECT depot, count(*) AS n, max(ts) AS latest FROM tracksolid.plain GROUP BY depot;
CREATE MATERIALIZED VIEW reporting.per_depot_kept AS SELECT * FROM reporting.per_depot;
CREATE FUNCTION reporting.fn_visits(which text) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM tracksolid.plain WHERE depot = which';
