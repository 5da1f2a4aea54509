-- Times are milliseconds since 1970 (UTC). Risk levels are ranks, 0 (UNKNOWN) to 4 (IMMINENT). Texts compare by their UTF-8 bytes.
-- Long texts live only in tables whose rows are appended by number, so that SQLite seldom copies them from page to page.

CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  data_set_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  tombstone_key BLOB NOT NULL,
  n INTEGER NOT NULL DEFAULT 0, -- index of the newest entry of the log
  trimmed INTEGER NOT NULL DEFAULT 0, -- index of the newest entry that was trimmed off the log
  unscrubbed INTEGER NOT NULL DEFAULT 0 -- 1: unused space in the file may hold copies of what was erased
) STRICT;

CREATE TABLE positions (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
  n INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  limits TEXT NOT NULL -- JSON
) STRICT;

-- A mark is the HMAC of a user id under the tombstone key: who was erased can be recognised, not read.
CREATE TABLE tombstones (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE expiries (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A void (an outcome that changed nothing) and an erased entry keep their place in the order, and nothing of whom it was about.
CREATE TABLE log (
  n INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  accepted_at INTEGER NOT NULL,
  occurred_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  id TEXT,
  user_id TEXT,
  payload TEXT, -- JSON
  alert_events TEXT -- JSON; null when there are none
) STRICT;
CREATE INDEX log_by_user ON log (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE users (
  user_id TEXT PRIMARY KEY,
  rev INTEGER NOT NULL, -- index of the last event applied to this user
  created_at INTEGER NOT NULL,
  last_active_at INTEGER,
  total_chats INTEGER NOT NULL,
  total_risk_alerts INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL, -- greatest of the events applied
  last_points TEXT NOT NULL, -- JSON, the newest three ever, newest first: [occurredAt, id, rank]
  alerts_raised INTEGER NOT NULL,
  open_alert_id TEXT, -- the unresolved one
  open_alert_level INTEGER,
  stripped_at INTEGER, -- when lists and topics expired although the user, having alerts, did not
  current_risk INTEGER NOT NULL,
  attention TEXT NOT NULL,
  active_order INTEGER AS (ifnull(last_active_at, 0)) VIRTUAL,
  risk_order INTEGER AS (current_risk * 10000000000000 + ifnull(last_active_at, 0)) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_activity ON users (active_order, user_id);
CREATE INDEX users_by_creation ON users (created_at, user_id);
CREATE INDEX users_by_risk ON users (risk_order, user_id);
CREATE INDEX users_by_attention ON users (attention, user_id) WHERE attention <> 'NONE';
CREATE INDEX users_alerted ON users (user_id) WHERE open_alert_id IS NOT NULL;

CREATE TABLE conversations (
  n INTEGER PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  occurred_at INTEGER NOT NULL,
  id TEXT NOT NULL,
  query TEXT NOT NULL,
  response TEXT NOT NULL,
  risk INTEGER NOT NULL,
  emotion_score REAL,
  reference_count INTEGER NOT NULL,
  topics TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX conversations_by_time ON conversations (user_id, occurred_at, id);

CREATE TABLE emotions (
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  occurred_at INTEGER NOT NULL,
  id TEXT NOT NULL,
  n INTEGER NOT NULL,
  score REAL,
  risk INTEGER NOT NULL,
  PRIMARY KEY (user_id, occurred_at, id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen (
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  id TEXT NOT NULL,
  accepted_at INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  alert_id TEXT, -- as first answered
  PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE topics (
  name TEXT PRIMARY KEY,
  user_count INTEGER NOT NULL,
  place INTEGER AS (-user_count) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE INDEX topics_by_count ON topics (place, name);

CREATE TABLE user_topics (
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  name TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_topics_by_name ON user_topics (name, user_id);

CREATE TABLE alerts (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
  level INTEGER NOT NULL,
  status TEXT NOT NULL,
  occurrences INTEGER NOT NULL,
  raised_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  conversation_id TEXT NOT NULL,
  exchange TEXT, -- JSON, the trigger; null after the user's history was cleared
  version INTEGER NOT NULL,
  place INTEGER AS ((4 - level) * 10000000000000 + raised_at) VIRTUAL
) STRICT;
CREATE INDEX alerts_by_place ON alerts (place, id);
CREATE INDEX alerts_by_status ON alerts (status, place, id);
CREATE INDEX alerts_by_user ON alerts (user_id, raised_at, id);

CREATE TABLE alert_events (
  alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  place INTEGER NOT NULL, -- from 0
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT,
  note TEXT,
  level INTEGER NOT NULL,
  PRIMARY KEY (alert_id, place)
) STRICT, WITHOUT ROWID;
