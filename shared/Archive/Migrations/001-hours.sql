-- Hourly analytics: absolute counts a partition, how far each job has come, which generation readers use.
CREATE TABLE analytics_hours (
  generation   INTEGER NOT NULL,
  hour         BIGINT  NOT NULL,
  partition    INTEGER NOT NULL,
  next_offset  BIGINT  NOT NULL,
  clicks       BIGINT  NOT NULL,
  impressions  BIGINT  NOT NULL,
  unique_users BIGINT  NOT NULL,
  PRIMARY KEY (generation, hour, partition)
);

CREATE TABLE progress (
  job             TEXT    NOT NULL,
  generation      INTEGER NOT NULL,
  partition       INTEGER NOT NULL,
  next_offset     BIGINT  NOT NULL,
  as_of_ms        BIGINT  NOT NULL,
  position        BIGINT  NOT NULL,
  partition_count INTEGER NOT NULL,
  record          TEXT    NOT NULL,
  PRIMARY KEY (job, generation, partition)
);

-- Next offset to read, a topic each: a generation may have a topic of its own.
CREATE TABLE positions (
  topic     TEXT    NOT NULL,
  partition INTEGER NOT NULL,
  position  BIGINT  NOT NULL,
  PRIMARY KEY (topic, partition)
);

CREATE TABLE pointer (
  job        TEXT    NOT NULL PRIMARY KEY,
  generation INTEGER NOT NULL
);
