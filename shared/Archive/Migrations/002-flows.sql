-- Flows: absolute sums a partition. COLLATE "C" orders names by their bytes; SQLite does so by itself and is not told (SqliteArchive.Script).
CREATE TABLE flow_sums (
  generation  BIGINT NOT NULL,
  hour        BIGINT NOT NULL,
  src_app     TEXT   COLLATE "C" NOT NULL,
  dest_app    TEXT   COLLATE "C" NOT NULL,
  vpc_id      TEXT   COLLATE "C" NOT NULL,
  partition   BIGINT NOT NULL,
  next_offset BIGINT NOT NULL,
  bytes_tx    BIGINT NOT NULL,
  bytes_rx    BIGINT NOT NULL,
  saturated   BIGINT NOT NULL,
  PRIMARY KEY (generation, hour, src_app, dest_app, vpc_id, partition)
);
