-- What ranges of many hours are answered from. Days are sums of analytics_hours, kept with them: a range of two years by day reads a few thousand rows.
CREATE TABLE analytics_days (
  generation  BIGINT NOT NULL,
  day         BIGINT NOT NULL,  -- days since 1970-01-01
  partition   BIGINT NOT NULL,
  clicks      BIGINT NOT NULL,
  impressions BIGINT NOT NULL,
  hour_users  BIGINT NOT NULL,  -- unique users of each hour, summed: who came in two hours is in it twice
  most_users  BIGINT NOT NULL,  -- those of the hour that has most
  busy_hours  BIGINT NOT NULL,  -- hours that have any
  PRIMARY KEY (generation, day, partition)
);

INSERT INTO analytics_days (generation, day, partition, clicks, impressions, hour_users, most_users, busy_hours)
SELECT generation, hour / 24, partition, SUM(clicks), SUM(impressions), SUM(unique_users), MAX(unique_users), SUM(CASE WHEN unique_users > 0 THEN 1 ELSE 0 END)
FROM analytics_hours GROUP BY generation, hour / 24, partition;

-- Sketches of the users of hours, days and months, a partition each: their users are others', so that estimates of partitions add up.
CREATE TABLE analytics_sketches (
  generation     BIGINT NOT NULL,
  span           BIGINT NOT NULL,  -- 0 hour, 1 day, 2 month
  start          BIGINT NOT NULL,  -- hour at which it begins, counted from 1970-01-01
  partition      BIGINT NOT NULL,
  next_offset    BIGINT NOT NULL,  -- of hours: the greater one is the newer
  hour_users     BIGINT NOT NULL,  -- exact users of each hour that is in it, summed
  estimate       BIGINT NOT NULL,
  standard_error DOUBLE PRECISION NOT NULL,
  sketch         BLOB NOT NULL,
  PRIMARY KEY (generation, span, start, partition)
);
