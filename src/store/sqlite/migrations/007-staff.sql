-- Who has signed in, under which name and with which role since when.

CREATE TABLE staff (
  sub TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL
) STRICT, WITHOUT ROWID;
