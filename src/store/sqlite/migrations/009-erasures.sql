-- Tombstones that the file beside this one, of who was erased, does not have yet (erasures.ts): whatever sets one, leaves it here too.

CREATE TABLE unnoted (
  mark TEXT PRIMARY KEY,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Not INSERT OR REPLACE: what the outer statement has on conflicts would hold instead.
CREATE TRIGGER tombstone_set AFTER INSERT ON tombstones BEGIN
  DELETE FROM unnoted WHERE mark = new.mark;
  INSERT INTO unnoted (mark, at) VALUES (new.mark, new.at);
END;
CREATE TRIGGER tombstone_raised AFTER UPDATE ON tombstones WHEN new.at > old.at BEGIN
  DELETE FROM unnoted WHERE mark = new.mark;
  INSERT INTO unnoted (mark, at) VALUES (new.mark, new.at);
END;
