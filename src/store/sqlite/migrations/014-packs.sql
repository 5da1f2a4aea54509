-- Users as Redis has packed them (replica/packs.ts). A pack counts at the revision of its user only. It must not outlive anything that goes of a user, whatever takes
-- that away; nor a revision that does not grow, since one that comes again may mean something else.

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
