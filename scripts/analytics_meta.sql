-- analytics_meta.sql — the optional schema analytics_meta: what the figures mean, in three plain tables.
--
-- Where it exists, the server tells Claude about it, finds its entries by words, and `analytics_mcp check` tries each statement
-- in it. docs/meaning.md says how to write an entry. Apply it as superuser, or as a role that may create schemas in the database:
--
--   docker exec -i "$(docker ps --filter name=timescale_db --format '{{.Names}}')" \
--     psql -X -v ON_ERROR_STOP=1 -U postgres -d tracksolid_db < scripts/analytics_meta.sql
--
-- One transaction. Running it again is safe: rows stay, comments and grants are made anew.
--
-- Variable (psql -v name=value):
--   owner   role that owns the schema: whoever owns the reporting   default: today's owner of the schema, else of the schema reporting,
--                                                                   else the role that applies this
-- analytics_ro may read it, whichever comes first, this file or analytics_ro_role.sql. Nobody but the owner may write: what
-- stands here is what analysts trust.
\set ON_ERROR_STOP on
\set QUIET on

\if :{?owner}
\else
  SELECT coalesce((SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = 'analytics_meta'),
                  (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace
                   WHERE nspname = 'reporting' AND pg_has_role(nspowner, 'MEMBER')),
                  current_user) AS owner \gset
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog;

CREATE SCHEMA IF NOT EXISTS analytics_meta;

CREATE TABLE IF NOT EXISTS analytics_meta.metric (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]*$'),
    description  text NOT NULL CHECK (description ~ '\S'),
    unit         text,
    expression   text NOT NULL CHECK (expression ~ '\S'),
    source       text NOT NULL CHECK (source ~ '\S'),
    grain        text,
    caveats      text,
    owner        text,
    certified_at date,
    certified_by text
);
CREATE TABLE IF NOT EXISTS analytics_meta.verified_query (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]*$'),
    question     text NOT NULL CHECK (question ~ '\S'),
    sql          text NOT NULL CHECK (sql ~ '\S'),
    parameters   text,
    verified_at  date,
    verified_by  text
);
CREATE TABLE IF NOT EXISTS analytics_meta.glossary (
    term         text PRIMARY KEY CHECK (term ~ '\S'),
    meaning      text NOT NULL CHECK (meaning ~ '\S'),
    tables       text
);

ALTER SCHEMA analytics_meta OWNER TO :"owner";
ALTER TABLE analytics_meta.metric OWNER TO :"owner";
ALTER TABLE analytics_meta.verified_query OWNER TO :"owner";
ALTER TABLE analytics_meta.glossary OWNER TO :"owner";

COMMENT ON SCHEMA analytics_meta IS 'What the figures mean: metric (definitions), verified_query (questions with SQL that is known to be right), glossary (words). Look here before you define a figure yourself.';
COMMENT ON TABLE analytics_meta.metric IS 'One row per agreed figure. SELECT <expression> FROM <source> is a complete statement; add columns and GROUP BY to break it down.';
COMMENT ON COLUMN analytics_meta.metric.description IS 'What it measures, in a sentence.';
COMMENT ON COLUMN analytics_meta.metric.unit IS 'Unit of the result: %, km, hours, KES per km.';
COMMENT ON COLUMN analytics_meta.metric.expression IS 'SQL expression, usually an aggregate.';
COMMENT ON COLUMN analytics_meta.metric.source IS 'What stands after FROM: a table, view, function call or join, with WHERE where needed.';
COMMENT ON COLUMN analytics_meta.metric.grain IS 'What one row of source is, and by what the figure may be broken down.';
COMMENT ON COLUMN analytics_meta.metric.caveats IS 'What it leaves out, when it misleads.';
COMMENT ON COLUMN analytics_meta.metric.owner IS 'Team that decides what it means.';
COMMENT ON COLUMN analytics_meta.metric.certified_at IS 'When certified_by last checked it; null: a proposal.';
COMMENT ON COLUMN analytics_meta.metric.certified_by IS 'Team or role that checked it.';
COMMENT ON TABLE analytics_meta.verified_query IS 'One row per usual question with a SELECT that answers it and runs as it stands.';
COMMENT ON COLUMN analytics_meta.verified_query.question IS 'The question as people ask it.';
COMMENT ON COLUMN analytics_meta.verified_query.sql IS 'One SELECT statement.';
COMMENT ON COLUMN analytics_meta.verified_query.parameters IS 'Which literals to change: "30: days back".';
COMMENT ON COLUMN analytics_meta.verified_query.verified_at IS 'When verified_by last compared the answer with another source; null: never.';
COMMENT ON COLUMN analytics_meta.verified_query.verified_by IS 'Team or role that did.';
COMMENT ON TABLE analytics_meta.glossary IS 'Words of the business as they are meant here.';
COMMENT ON COLUMN analytics_meta.glossary.meaning IS 'What it means here; names the column that decides.';
COMMENT ON COLUMN analytics_meta.glossary.tables IS 'Where it is found: schema.table, comma-separated.';

DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'analytics_meta');
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'analytics_ro') THEN
        GRANT USAGE ON SCHEMA analytics_meta TO analytics_ro;
        GRANT SELECT ON ALL TABLES IN SCHEMA analytics_meta TO analytics_ro;
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA analytics_meta GRANT SELECT ON TABLES TO analytics_ro', owner);
    END IF;
END $$;
COMMIT;
