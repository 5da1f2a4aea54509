-- Users are packed in another form (replica/packs.ts); those of before would be found to be of no use only when they are needed. A pack goes with a change of what is
-- remembered of its user, too; some files have that trigger already.

DELETE FROM packs;
CREATE TRIGGER IF NOT EXISTS seen_changed AFTER UPDATE ON seen BEGIN DELETE FROM packs WHERE user_id = old.user_id; END;
