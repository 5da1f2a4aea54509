-- A chain of entries for each server: each has the hash of all before it and itself. How they are chained: chain.ts.
CREATE TABLE chains (
  origin TEXT PRIMARY KEY, -- 16 hex digits
  key TEXT NOT NULL, -- of the marks of its entries: hex
  parent TEXT NOT NULL -- JSON: the head of the chain that this server went on with here; null for its first
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
  id TEXT PRIMARY KEY, -- origin-number, the number with 12 digits, from 1 without gaps
  body TEXT NOT NULL, -- JSON, of which the rest is made
  hash TEXT NOT NULL, -- hex
  at INTEGER AS (body ->> '$.at') VIRTUAL,
  sub TEXT AS (body ->> '$.sub') VIRTUAL,
  mark TEXT AS (body ->> '$.user') VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_time ON entries (at);
CREATE INDEX entries_by_actor ON entries (sub, at) WHERE sub IS NOT NULL;
CREATE INDEX entries_by_user ON entries (mark, at) WHERE mark IS NOT NULL;

CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'append-only'); END;
CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries BEGIN SELECT raise(ABORT, 'append-only'); END;

-- Who a mark stands for. The row goes when they are erased.
CREATE TABLE names (pseudonym TEXT PRIMARY KEY, user_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- When they were erased last: what is older names nobody, even if they come again.
CREATE TABLE erasures (pseudonym TEXT PRIMARY KEY, erased_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
