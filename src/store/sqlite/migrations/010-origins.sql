-- Under which origins this data directory has written: where Redis knows no other, nobody else has ever written.

CREATE TABLE own_origins (
  origin TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- From which event on what is held here of an origin has another one now: Redis lacks earlier ones, that were nowhere to be had.
CREATE TABLE rescued (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
