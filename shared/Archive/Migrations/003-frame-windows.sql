-- Unique users of frames, a window a row: the last result of each.
CREATE TABLE frame_windows (
  generation     BIGINT NOT NULL,
  kind           TEXT   NOT NULL,
  window_start   BIGINT NOT NULL,
  window_end     BIGINT NOT NULL,
  version        BIGINT NOT NULL,
  unique_users   BIGINT NOT NULL,
  frames         BIGINT NOT NULL,
  state          BIGINT NOT NULL,
  standard_error DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (generation, kind, window_start)
);
