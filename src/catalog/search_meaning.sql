-- `$1`: JSON array of words, letters and digits only. What the catalogue of meaning says of them, the best first.
WITH words AS MATERIALIZED (
    SELECT DISTINCT w AS word, left(coalesce((ts_lexize('pg_catalog.english_stem', w))[1], w), 5) AS stem
    FROM (SELECT lower(json_array_elements_text($1::text::json)) AS w) AS given
    WHERE ts_lexize('pg_catalog.english_stem', w) IS DISTINCT FROM '{}'
), things(kind, weight, name, label, about, more) AS (
    SELECT 'metric', 4, name, name || coalesce(' [' || unit || ']', ''),
           concat_ws(' ', description, 'SELECT ' || expression || ' FROM ' || source, 'Caveats: ' || caveats), ''
    FROM analytics_meta.metric
    UNION ALL
    SELECT 'verified query', 3, name, name, question, sql FROM analytics_meta.verified_query
    UNION ALL
    SELECT 'term', 3, term, term, concat_ws(' ', meaning, 'See ' || tables), '' FROM analytics_meta.glossary
), scored AS (
    SELECT t.*, (SELECT sum(CASE WHEN spaced ~* ('\m' || word || '\M') THEN 9 WHEN spaced ~* ('\m' || stem) THEN 8 WHEN about ~* ('\m' || stem) THEN 6
                                 WHEN spaced || ' ' || about ~* ('\m' || left(stem, 4)) THEN 3 ELSE 0 END) FROM words) AS hits
    FROM (SELECT *, replace(name, '_', ' ') AS spaced FROM things) AS t
)
SELECT json_build_object('kind', kind, 'label', label, 'about', about, 'score', hits + weight)::text AS j
FROM scored WHERE hits > 0 ORDER BY hits + weight DESC, label LIMIT 4
