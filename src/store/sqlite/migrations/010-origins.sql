-- Under which origins this data directory has written: where Redis knows no other, nobody else has ever written.

CREATE TABLE own_origins (
  origin TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What was held here under an origin, and has another one now: Redis lacked earlier events, that were nowhere to be had.
CREATE TABLE rescued (
  origin TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (origin, first)
) STRICT, WITHOUT ROWID;
