-- The same as hypertables, where TimescaleDB is there: with chunks, compressed ones, and what continuous aggregates keep.
CREATE EXTENSION timescaledb;
CREATE FUNCTION public.hc_hypertable(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE tracksolid.%I (id int, ts timestamptz NOT NULL, depot text, phone text)', name);
    PERFORM create_hypertable(format('tracksolid.%I', name)::regclass, 'ts', chunk_time_interval => interval '30 days');
    PERFORM public.hc_fill(format('tracksolid.%I', name)::regclass, name);
END $$;
SELECT public.hc_hypertable(name) FROM unnest(ARRAY['hyper', 'packed', 'packed_by_phone', 'packed_in_order', 'packed_later']) AS name;

CREATE INDEX ON tracksolid.packed (phone); -- the compressed chunks then keep its least and greatest value
ALTER TABLE tracksolid.packed SET (timescaledb.compress, timescaledb.compress_segmentby = 'depot', timescaledb.compress_orderby = 'ts');
ALTER TABLE tracksolid.packed_by_phone SET (timescaledb.compress, timescaledb.compress_segmentby = 'phone', timescaledb.compress_orderby = 'ts');
ALTER TABLE tracksolid.packed_in_order SET (timescaledb.compress, timescaledb.compress_segmentby = 'depot', timescaledb.compress_orderby = 'phone, ts');
SELECT compress_chunk(c) FROM show_chunks('tracksolid.packed') AS c;
SELECT compress_chunk(c) FROM show_chunks('tracksolid.packed_in_order') AS c;
SELECT compress_chunk(c) FROM show_chunks('tracksolid.packed_by_phone') AS c;

CREATE MATERIALIZED VIEW reporting.per_month WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT min(id) AS id, time_bucket('30 days', ts) AS ts, min(depot) AS depot, max(phone) AS phone FROM tracksolid.hyper GROUP BY 2 WITH NO DATA;
CREATE MATERIALIZED VIEW reporting.per_month_open WITH (timescaledb.continuous) AS
SELECT time_bucket('30 days', ts) AS ts, depot, count(*) AS n FROM tracksolid.hyper GROUP BY 1, 2 WITH NO DATA;
CALL refresh_continuous_aggregate('reporting.per_month', NULL, '2026-03-01');
CALL refresh_continuous_aggregate('reporting.per_month_open', NULL, NULL);
