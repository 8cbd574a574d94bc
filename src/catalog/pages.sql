-- `$1`: schema. `$2`: table. How many pages a table or materialized view has, its partitions or chunks included. No row for what has none
-- of its own, such as a view.
SELECT to_json(greatest(c.relpages, 0) + coalesce((
    SELECT sum(greatest(k.relpages, 0)) FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid WHERE i.inhparent = c.oid), 0))::text AS j
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm')
