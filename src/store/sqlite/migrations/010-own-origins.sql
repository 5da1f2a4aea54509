-- Under which origins this data directory has written: where Redis knows no other, nobody else has ever written.

CREATE TABLE own_origins (
  origin TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
