-- "seq origin" of the same event: of what changed nothing since its id was known, the one that had it before; of what has got a new origin, what it was.

ALTER TABLE log ADD COLUMN repeats TEXT;
ALTER TABLE journal ADD COLUMN repeats TEXT;
ALTER TABLE kept ADD COLUMN repeats TEXT;
