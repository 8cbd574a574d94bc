-- Every SQL of the catalogue of meaning, with the table and the name under which it is there.
SELECT json_build_object('table', 'metric', 'name', name, 'sql', 'SELECT ' || expression || ' FROM ' || source)::text AS j FROM analytics_meta.metric
UNION ALL
SELECT json_build_object('table', 'verified_query', 'name', name, 'sql', sql)::text FROM analytics_meta.verified_query
ORDER BY 1
