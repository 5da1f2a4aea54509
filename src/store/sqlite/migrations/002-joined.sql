-- What a file needs to be the journal and the replica of an instance whose data set lives in Redis.

ALTER TABLE meta ADD COLUMN chain TEXT NOT NULL DEFAULT ''; -- of the newest entry of the log (rules.ts, chainOf)
ALTER TABLE meta ADD COLUMN trimmed_chain TEXT NOT NULL DEFAULT ''; -- of the newest entry that was trimmed off the log
ALTER TABLE meta ADD COLUMN joined INTEGER NOT NULL DEFAULT 0; -- 1: the data set is that of a Redis
ALTER TABLE meta ADD COLUMN rebuilt_to TEXT; -- while all users are being taken over from Redis: the last one so far

ALTER TABLE log ADD COLUMN chain TEXT NOT NULL DEFAULT '';

-- Which event is remembered: "seq origin". The very same one may come again (recorded.ts).
ALTER TABLE seen ADD COLUMN source TEXT NOT NULL DEFAULT '';

ALTER TABLE users ADD COLUMN oldest_at INTEGER NOT NULL DEFAULT 0; -- least time of what was recorded, of acceptance or occurrence; 0: not known

-- An index of the log says nothing of the order of insertion any more.
ALTER TABLE conversations RENAME COLUMN n TO number;

-- The epochs of the log, each with the index at which it forked from the one before.
CREATE TABLE lineage (
  place INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL
) STRICT;
INSERT INTO lineage (epoch, n) SELECT epoch, 0 FROM meta;

-- Events that this instance holds and that its log does not have (yet), in the order in which Redis has to get them. `n` is null until the
-- event is applied to the tables here, ahead of Redis, and then an index that it will not keep. One without id was erased.
CREATE TABLE journal (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  n INTEGER,
  origin TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  accepted_at INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  outcome TEXT,
  id TEXT,
  user_id TEXT,
  payload TEXT,
  alert_events TEXT,
  UNIQUE (origin, seq)
) STRICT;
CREATE INDEX journal_by_n ON journal (n);
CREATE INDEX journal_by_user ON journal (user_id) WHERE user_id IS NOT NULL;

-- Up to which seq the events of an origin are applied here, ahead of the log.
CREATE TABLE ahead (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Users whose rows here are not (or may not be) what the log up to meta.n makes of them.
CREATE TABLE dirty (
  user_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- What this instance held before all users were taken over from Redis, in order. If Redis goes back to before that, it has to get it again.
CREATE TABLE kept (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  origin TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  accepted_at INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  outcome TEXT,
  id TEXT,
  user_id TEXT,
  payload TEXT,
  alert_events TEXT,
  UNIQUE (origin, seq)
) STRICT;
CREATE INDEX kept_by_user ON kept (user_id) WHERE user_id IS NOT NULL;

-- Up to which seq of each origin all users here were complete then; and a row of origin '', while this lasts.
CREATE TABLE complete (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
