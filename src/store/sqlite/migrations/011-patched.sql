-- Who was put back in Redis by somebody who need not have had all of them, and taken over from there: whoever has them whole puts them back once more.

ALTER TABLE users ADD COLUMN patched INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_patched ON users (user_id) WHERE patched = 1;
