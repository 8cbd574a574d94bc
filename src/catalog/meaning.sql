-- How much the catalogue of meaning holds, and the names of its metrics.
SELECT json_build_object(
    'metrics', (SELECT coalesce(json_agg(m.name), '[]') FROM (SELECT name FROM analytics_meta.metric ORDER BY name LIMIT 30) AS m),
    'verified_queries', (SELECT count(*) FROM analytics_meta.verified_query),
    'terms', (SELECT count(*) FROM analytics_meta.glossary))::text AS j
