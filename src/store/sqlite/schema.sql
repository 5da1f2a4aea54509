-- What the migrations lead to: npm run schema

CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  data_set_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  tombstone_key BLOB NOT NULL,
  n INTEGER NOT NULL DEFAULT 0, -- index of the newest entry of the log
  trimmed INTEGER NOT NULL DEFAULT 0, -- index of the newest entry that was trimmed off the log
  unscrubbed INTEGER NOT NULL DEFAULT 0 -- 1: unused space in the file may hold copies of what was erased
, chain TEXT NOT NULL DEFAULT '', trimmed_chain TEXT NOT NULL DEFAULT '', joined INTEGER NOT NULL DEFAULT 0, rebuilt_to TEXT) STRICT;

CREATE TABLE positions (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
  n INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  limits TEXT NOT NULL -- JSON
, ahead INTEGER) STRICT;

CREATE TABLE tombstones (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE expiries (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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
, chain TEXT NOT NULL DEFAULT '', formerly TEXT) STRICT;

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
, oldest_at INTEGER NOT NULL DEFAULT 0, counselor TEXT, trend_day INTEGER, sources TEXT, patched INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_activity ON users (active_order, user_id);

CREATE INDEX users_by_creation ON users (created_at, user_id);

CREATE INDEX users_by_risk ON users (risk_order, user_id);

CREATE INDEX users_by_attention ON users (attention, user_id) WHERE attention <> 'NONE';

CREATE INDEX users_alerted ON users (user_id) WHERE open_alert_id IS NOT NULL;

CREATE TABLE conversations (
  number INTEGER PRIMARY KEY,
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
  alert_id TEXT, source TEXT NOT NULL DEFAULT '', -- as first answered
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
, assignee TEXT, acknowledged TEXT, resolved TEXT, escalation TEXT NOT NULL DEFAULT '{"since":0,"step":0,"to":[],"next":null}', due INTEGER) STRICT;

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
  level INTEGER NOT NULL, holders TEXT,
  PRIMARY KEY (alert_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE lineage (
  place INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL UNIQUE,
  n INTEGER NOT NULL
) STRICT;

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
  alert_events TEXT, formerly TEXT,
  UNIQUE (origin, seq)
) STRICT;

CREATE INDEX journal_by_n ON journal (n);

CREATE INDEX journal_by_user ON journal (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE ahead (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dirty (
  user_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

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
  alert_events TEXT, formerly TEXT,
  UNIQUE (origin, seq)
) STRICT;

CREATE INDEX kept_by_user ON kept (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE complete (
  origin TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_counselor ON users (counselor, user_id) WHERE counselor IS NOT NULL;

CREATE INDEX alerts_due ON alerts (due, id) WHERE due IS NOT NULL;

CREATE INDEX alerts_by_assignee ON alerts (assignee, place, id);

CREATE INDEX users_waiting ON users (user_id) WHERE counselor IS NULL AND open_alert_id IS NOT NULL;

CREATE INDEX alerts_held ON alerts (assignee, user_id) WHERE status <> 'RESOLVED';

CREATE TABLE staff (
  sub TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_calls (
  sub TEXT NOT NULL,
  alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  PRIMARY KEY (sub, alert_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_calls_by_alert ON alert_calls (alert_id);

CREATE TABLE unnoted (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER tombstone_set AFTER INSERT ON tombstones BEGIN
  DELETE FROM unnoted WHERE mark = new.mark;
  INSERT INTO unnoted (mark, at) VALUES (new.mark, new.at);
END;

CREATE TRIGGER tombstone_raised AFTER UPDATE ON tombstones WHEN new.at > old.at BEGIN
  DELETE FROM unnoted WHERE mark = new.mark;
  INSERT INTO unnoted (mark, at) VALUES (new.mark, new.at);
END;

CREATE TABLE own_origins (
  origin TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE rescued (
  origin TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (origin, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX users_patched ON users (user_id) WHERE patched = 1;

CREATE TABLE packs (
  user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  rev INTEGER NOT NULL,
  checksum INTEGER NOT NULL, -- CRC-32, of whose it is too
  about BLOB NOT NULL,
  commands BLOB NOT NULL
) STRICT;

CREATE TRIGGER user_set_back AFTER UPDATE ON users WHEN new.rev <= old.rev BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;

CREATE TRIGGER conversation_gone AFTER DELETE ON conversations BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;

CREATE TRIGGER emotion_gone AFTER DELETE ON emotions BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;

CREATE TRIGGER user_topic_gone AFTER DELETE ON user_topics BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;

CREATE TRIGGER seen_gone AFTER DELETE ON seen BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;

CREATE TRIGGER seen_changed AFTER UPDATE ON seen BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;
