-- A foreign table, where file_fdw is there.
CREATE EXTENSION file_fdw;
CREATE SERVER hc_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE tracksolid.foreign_people (id int, ts timestamptz, depot text, phone text) SERVER hc_files
    OPTIONS (program 'for n in 1 2 3; do echo "$n,2026-01-01 00:00+00,depot $((n % 2)),Z""q7-foreign-$n"; done', format 'csv');
