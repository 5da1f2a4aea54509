-- Of an event that changed nothing since its id was known: "seq origin" of the one that had it before. It is void only where that one is.

ALTER TABLE log ADD COLUMN repeats TEXT;
ALTER TABLE journal ADD COLUMN repeats TEXT;
ALTER TABLE kept ADD COLUMN repeats TEXT;
