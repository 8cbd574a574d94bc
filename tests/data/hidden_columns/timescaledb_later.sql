-- After the columns were hidden: a hypertable is compressed for the first time, and others get new chunks.
ALTER TABLE tracksolid.packed_later SET (timescaledb.compress, timescaledb.compress_segmentby = 'phone', timescaledb.compress_orderby = 'ts');
SELECT compress_chunk(c) FROM show_chunks('tracksolid.packed_later') AS c;
INSERT INTO tracksolid.hyper VALUES (90, '2026-09-01 00:00+00', 'depot 0', 'Zq7-late');
INSERT INTO tracksolid.packed VALUES (90, '2026-09-01 00:00+00', 'depot 0', 'Zq7-late');
SELECT compress_chunk(c, true) FROM show_chunks('tracksolid.packed') AS c;
