-- What TimescaleDB shows of a hypertable and of a continuous aggregate on it, without TimescaleDB: its views with fixed rows, in as many
-- columns as are read, and the tables behind them.
CREATE TABLE fuel.fixes (device_id bigint, ts timestamptz NOT NULL, speed numeric);
CREATE INDEX ON fuel.fixes (ts);
INSERT INTO fuel.fixes VALUES (1, '2026-06-01 00:00+00', 40), (2, '2026-06-09 08:00+00', 50), (1, '2026-06-20 12:00+00', 0);
CREATE SCHEMA _timescaledb_internal;
CREATE TABLE _timescaledb_internal._materialized_hypertable_2 (device_id bigint, bucket timestamptz NOT NULL);
INSERT INTO _timescaledb_internal._materialized_hypertable_2 VALUES (1, '2026-06-01 00:00+00'), (2, '2026-06-19 00:00+00');
CREATE VIEW fuel.fixes_hourly AS SELECT device_id, bucket FROM _timescaledb_internal._materialized_hypertable_2;
ANALYZE fuel.fixes;
UPDATE pg_class SET reltuples = 0 WHERE oid = 'fuel.fixes'::regclass; -- as of any hypertable that was analysed

CREATE SCHEMA timescaledb_information;
CREATE VIEW timescaledb_information.hypertables AS
SELECT 'fuel'::name AS hypertable_schema, 'fixes'::name AS hypertable_name, true AS compression_enabled
UNION ALL SELECT '_timescaledb_internal', '_materialized_hypertable_2', false;
CREATE VIEW timescaledb_information.continuous_aggregates AS
SELECT 'fuel'::name AS hypertable_schema, 'fixes'::name AS hypertable_name, 'fuel'::name AS view_schema, 'fixes_hourly'::name AS view_name,
       '_timescaledb_internal'::name AS materialization_hypertable_schema, '_materialized_hypertable_2'::name AS materialization_hypertable_name,
       false AS compression_enabled, true AS materialized_only,
       ' SELECT fixes.device_id, time_bucket(''01:00:00''::interval, fixes.ts) AS bucket FROM fuel.fixes GROUP BY 1, 2;' AS view_definition;
CREATE VIEW timescaledb_information.dimensions AS
SELECT 'fuel'::name AS hypertable_schema, 'fixes'::name AS hypertable_name, 1::bigint AS dimension_number, 'ts'::name AS column_name,
       'timestamptz'::regtype AS column_type, interval '7 days' AS time_interval, NULL::bigint AS integer_interval
UNION ALL SELECT '_timescaledb_internal', '_materialized_hypertable_2', 1, 'bucket', 'timestamptz'::regtype, interval '70 days', NULL;
CREATE VIEW timescaledb_information.chunks AS
SELECT 'fuel'::name AS hypertable_schema, 'fixes'::name AS hypertable_name, timestamptz '2026-06-01 00:00+00' + n * interval '7 days' AS range_start,
       timestamptz '2026-06-08 00:00+00' + n * interval '7 days' AS range_end, NULL::bigint AS range_start_integer, NULL::bigint AS range_end_integer,
       n < 2 AS is_compressed
FROM generate_series(0, 2) AS n
UNION ALL SELECT '_timescaledb_internal', '_materialized_hypertable_2', '2026-05-01 00:00+00', '2026-07-10 00:00+00', NULL, NULL, false;
CREATE VIEW timescaledb_information.compression_settings AS
SELECT 'fuel'::name AS hypertable_schema, 'fixes'::name AS hypertable_name, 'device_id'::name AS attname, 1::smallint AS segmentby_column_index;
CREATE VIEW timescaledb_information.jobs AS
SELECT j.job_id, j.schedule_interval::interval AS schedule_interval, '_timescaledb_functions'::name AS proc_schema, j.proc_name::name AS proc_name,
       j.config::jsonb AS config, j.hypertable_schema::name AS hypertable_schema, j.hypertable_name::name AS hypertable_name
FROM (VALUES (1000, '12:00:00', 'policy_compression', '{"compress_after": "30 days"}', 'fuel', 'fixes'),
             (1001, '1 day', 'policy_retention', '{"drop_after": "400 days"}', 'fuel', 'fixes'),
             (1002, '00:30:00', 'policy_refresh_continuous_aggregate', '{"start_offset": "3 days", "end_offset": "01:00:00"}',
              '_timescaledb_internal', '_materialized_hypertable_2')) AS j(job_id, schedule_interval, proc_name, config, hypertable_schema, hypertable_name);
CREATE VIEW timescaledb_information.job_stats AS
SELECT 1002 AS job_id, timestamptz '-infinity' AS last_successful_finish, 'Failed'::text AS last_run_status;

CREATE SCHEMA _timescaledb_catalog;
CREATE TABLE _timescaledb_catalog.continuous_agg (mat_hypertable_id int, user_view_schema name, user_view_name name);
INSERT INTO _timescaledb_catalog.continuous_agg VALUES (2, 'fuel', 'fixes_hourly');
CREATE TABLE _timescaledb_catalog.continuous_aggs_watermark (mat_hypertable_id int, watermark bigint);
INSERT INTO _timescaledb_catalog.continuous_aggs_watermark VALUES (2, extract(epoch FROM timestamptz '2026-06-19 21:20+00')::bigint * 1000000);
GRANT USAGE ON SCHEMA timescaledb_information, _timescaledb_catalog TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA timescaledb_information, _timescaledb_catalog TO PUBLIC;

CREATE FUNCTION public.approximate_row_count(relation regclass) RETURNS bigint LANGUAGE sql STRICT
AS $$ SELECT CASE relation::text WHEN 'fuel.fixes' THEN 600000 ELSE 8092 END $$;
