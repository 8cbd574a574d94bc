-- 80_finish.sql — the schema that nobody may read; the end
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;

BEGIN;
CREATE TABLE infrastructure.secrets (name text PRIMARY KEY, secret text NOT NULL, rotated_at timestamptz NOT NULL DEFAULT now());
COMMENT ON TABLE infrastructure.secrets IS 'Not real. It is here to prove that it cannot be read.';
INSERT INTO infrastructure.secrets (name, secret) VALUES ('tracker_api', 'demo-value-not-a-secret'), ('billing_db', 'demo-value-not-a-secret');

CREATE FUNCTION infrastructure.fn_secret(p_name text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$ SELECT secret FROM infrastructure.secrets WHERE name = p_name $$;
REVOKE ALL ON FUNCTION infrastructure.fn_secret(text) FROM PUBLIC;
COMMENT ON FUNCTION infrastructure.fn_secret IS 'Internal.';

DROP SCHEMA demo_build CASCADE;
COMMIT;
ANALYZE infrastructure.secrets;
