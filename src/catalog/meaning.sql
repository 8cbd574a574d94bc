-- How much the catalogue of meaning holds, and the names of its metrics.
SELECT json_build_object(
    'metrics', (SELECT count(*) FROM analytics_meta.metric),
    'names', (SELECT coalesce(json_agg(m.name), '[]') FROM (SELECT left(name::text, 63) AS name FROM analytics_meta.metric
                                                             WHERE name IS NOT NULL ORDER BY 1 LIMIT 60) AS m),
    'verified_queries', (SELECT count(*) FROM analytics_meta.verified_query),
    'terms', (SELECT count(*) FROM analytics_meta.glossary))::text AS j
