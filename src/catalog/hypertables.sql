-- `$1`: schema. `$2`: JSON array of names. For each that TimescaleDB keeps, what it knows. @ext@ stands for the extension's schema.
-- Nothing here waits for a chunk that is being compressed or dropped: sizes come from pg_class, times from the ranges of chunks.
WITH wanted AS (SELECT json_array_elements_text($2::text::json) AS name), what AS (
    SELECT h.hypertable_name AS name, 'hypertable' AS kind, h.hypertable_schema AS hs, h.hypertable_name AS hn, h.compression_enabled,
           NULL::text AS definition, NULL::boolean AS materialized_only, NULL::text AS of
    FROM timescaledb_information.hypertables h JOIN wanted ON wanted.name = h.hypertable_name WHERE h.hypertable_schema = $1
    UNION ALL
    SELECT c.view_name, 'continuous aggregate', c.materialization_hypertable_schema, c.materialization_hypertable_name,
           c.compression_enabled, c.view_definition, c.materialized_only,
           -- one that is built on another names that one, not the hypertable behind it
           (SELECT format('%s.%s', coalesce(p.view_schema, c.hypertable_schema), coalesce(p.view_name, c.hypertable_name)) FROM (SELECT 1) AS one
              LEFT JOIN timescaledb_information.continuous_aggregates p
                ON p.materialization_hypertable_schema = c.hypertable_schema AND p.materialization_hypertable_name = c.hypertable_name)
    FROM timescaledb_information.continuous_aggregates c JOIN wanted ON wanted.name = c.view_name WHERE c.view_schema = $1
)
SELECT json_strip_nulls(json_build_object(
    'name', w.name, 'kind', w.kind, 'of', w.of, 'rows', CASE WHEN a.all_rows THEN nullif(@ext@.approximate_row_count(r.oid::regclass), 0) END,
    'time', CASE WHEN a.shown THEN d.column_name END, 'interval', coalesce(d.time_interval::text, d.integer_interval::text),
    'chunks', CASE WHEN a.shown THEN k.chunks END, 'compressed_chunks', CASE WHEN a.shown THEN nullif(k.compressed, 0) END,
    'from', CASE WHEN a.shown THEN coalesce(k.first::text, k.first_int::text) END,
    'to', CASE WHEN a.shown THEN coalesce(k.last::text, k.last_int::text) END,
    'oldest_ends', CASE WHEN a.shown THEN coalesce(k.first_end::text, k.first_end_int::text) END,
    'newest_begins', CASE WHEN a.shown THEN coalesce(k.last_start::text, k.last_start_int::text) END,
    'compressed_before', CASE WHEN a.shown THEN k.compressed_before END,
    'segment_by', CASE WHEN w.compression_enabled THEN (SELECT string_agg(s.attname, ', ' ORDER BY s.segmentby_column_index)
        FROM timescaledb_information.compression_settings s
        WHERE s.hypertable_schema = w.hs AND s.hypertable_name = w.hn AND s.segmentby_column_index IS NOT NULL) END,
    'compress_after', j.compress_after, 'drop_after', j.drop_after, 'refresh_every', j.every, 'refresh_from', j.start, 'refresh_to', j.stop,
    'last_refresh', j.last_ok, 'last_status', j.last_status,
    'materialized_to', CASE WHEN a.shown THEN (SELECT to_timestamp(m.watermark / 1e6)::text
        FROM _timescaledb_catalog.continuous_agg a JOIN _timescaledb_catalog.continuous_aggs_watermark m USING (mat_hypertable_id)
        WHERE a.user_view_schema = $1 AND a.user_view_name = w.name AND m.watermark BETWEEN 0 AND 4102444800000000
          AND d.column_type IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)) END,
    'real_time', NOT w.materialized_only, 'definition', w.definition))::text AS j
FROM what w
JOIN pg_catalog.pg_namespace vn ON vn.nspname = $1 JOIN pg_catalog.pg_class v ON v.relnamespace = vn.oid AND v.relname = w.name
-- where the rows are: the hypertable itself, or the one behind the continuous aggregate
JOIN pg_catalog.pg_namespace rn ON rn.nspname = w.hs JOIN pg_catalog.pg_class r ON r.relnamespace = rn.oid AND r.relname = w.hn
LEFT JOIN timescaledb_information.dimensions d ON d.hypertable_schema = w.hs AND d.hypertable_name = w.hn AND d.dimension_number = 1
-- Of a time column that is hidden from the role, or of rows that are, nothing is shown.
CROSS JOIN LATERAL (SELECT NOT row_security_active(r.oid) AND NOT row_security_active(v.oid) AS all_rows,
                           NOT row_security_active(r.oid) AND NOT row_security_active(v.oid) AND EXISTS (
                               SELECT 1 FROM pg_catalog.pg_attribute t WHERE t.attrelid = v.oid AND NOT t.attisdropped
                                 AND has_column_privilege(v.oid, t.attnum, 'SELECT')
                                 -- A continuous aggregate gives its time column another name at most.
                                 AND (t.attname = d.column_name OR v.relkind = 'v' AND has_table_privilege(v.oid, 'SELECT'))) AS shown) AS a
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, count(*) FILTER (WHERE is_compressed) AS compressed, min(range_start) AS first, max(range_end) AS last,
           min(range_end) AS first_end, max(range_start) AS last_start, min(range_start_integer) AS first_int, max(range_end_integer) AS last_int,
           min(range_end_integer) AS first_end_int, max(range_start_integer) AS last_start_int, max(range_end) FILTER (WHERE is_compressed)::text AS compressed_before
    FROM timescaledb_information.chunks k WHERE k.hypertable_schema = w.hs AND k.hypertable_name = w.hn) AS k
CROSS JOIN LATERAL (
    SELECT max(j.config ->> 'compress_after') FILTER (WHERE j.proc_name = 'policy_compression') AS compress_after,
           max(j.config ->> 'drop_after') FILTER (WHERE j.proc_name = 'policy_retention') AS drop_after,
           max(j.schedule_interval::text) FILTER (WHERE j.proc_name LIKE '%refresh%') AS every,
           max(j.config ->> 'start_offset') FILTER (WHERE j.proc_name LIKE '%refresh%') AS start,
           max(j.config ->> 'end_offset') FILTER (WHERE j.proc_name LIKE '%refresh%') AS stop,
           max(nullif(s.last_successful_finish, '-infinity')) FILTER (WHERE j.proc_name LIKE '%refresh%')::text AS last_ok,
           max(s.last_run_status) FILTER (WHERE j.proc_name LIKE '%refresh%') AS last_status
    FROM timescaledb_information.jobs j LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
    WHERE j.hypertable_schema = w.hs AND j.hypertable_name = w.hn AND j.proc_schema IN ('_timescaledb_functions', '_timescaledb_internal')) AS j
WHERE has_schema_privilege(vn.oid, 'USAGE') AND has_any_column_privilege(v.oid, 'SELECT')
