-- `$1`: JSON array of words, letters and digits only. What the catalogue of meaning says of them, the best first.
WITH words AS MATERIALIZED (
    SELECT DISTINCT w AS word, left(coalesce((ts_lexize('pg_catalog.english_stem', w))[1], w), 5) AS stem
    FROM (SELECT lower(json_array_elements_text($1::text::json)) AS w) AS given
    WHERE ts_lexize('pg_catalog.english_stem', w) IS DISTINCT FROM '{}'
), things(kind, weight, name, label, about) AS (
    SELECT 'metric', 4, name::text, name || coalesce(' [' || unit || ']', ''),
           left(concat_ws(' ', description, 'SELECT ' || expression || ' FROM ' || source, 'Caveats: ' || caveats), 2000)
    FROM analytics_meta.metric
    UNION ALL
    SELECT 'verified query', 3, name::text, name::text, left(question, 2000) FROM analytics_meta.verified_query
    UNION ALL
    SELECT 'term', 3, term::text, term::text, left(concat_ws(' ', meaning, 'See ' || tables), 2000) FROM analytics_meta.glossary
), scored AS (
    SELECT t.*, (SELECT sum(CASE WHEN spaced ~* ('\m' || word || '\M') THEN 9 WHEN spaced ~* ('\m' || stem) THEN 8 WHEN about ~* ('\m' || stem) THEN 6
                                 WHEN spaced || ' ' || about ~* ('\m' || left(stem, 4)) THEN 3 ELSE 0 END) FROM words) AS hits
    FROM (SELECT *, replace(name, '_', ' ') AS spaced FROM things) AS t
)
SELECT json_build_object('kind', kind, 'label', label, 'about', about, 'score', hits + weight)::text AS j
FROM scored WHERE hits > 0 AND label IS NOT NULL ORDER BY hits + weight DESC, label LIMIT 4
