-- One text for SQLite and PostgreSQL: BIGINT is 64 bits in both.

-- Hourly analytics: absolute counts a partition, how far each job has come, which generation readers use.
CREATE TABLE analytics_hours (
  generation   BIGINT  NOT NULL,
  hour         BIGINT  NOT NULL,
  partition    BIGINT  NOT NULL,
  next_offset  BIGINT  NOT NULL,
  clicks       BIGINT  NOT NULL,
  impressions  BIGINT  NOT NULL,
  unique_users BIGINT  NOT NULL,
  PRIMARY KEY (generation, hour, partition)
);

CREATE TABLE progress (
  job             TEXT    NOT NULL,
  generation      BIGINT  NOT NULL,
  partition       BIGINT  NOT NULL,
  next_offset     BIGINT  NOT NULL,
  as_of_ms        BIGINT  NOT NULL,
  position        BIGINT  NOT NULL,
  partition_count BIGINT  NOT NULL,
  record          TEXT    NOT NULL,
  PRIMARY KEY (job, generation, partition)
);

-- Next offset to read, a topic each: a generation may have a topic of its own.
CREATE TABLE positions (
  topic     TEXT    NOT NULL,
  partition BIGINT  NOT NULL,
  position  BIGINT  NOT NULL,
  PRIMARY KEY (topic, partition)
);

CREATE TABLE pointer (
  job        TEXT    NOT NULL PRIMARY KEY,
  generation BIGINT  NOT NULL
);
