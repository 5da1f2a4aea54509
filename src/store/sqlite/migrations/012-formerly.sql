-- "seq origin" of what an event was before it got another origin.

ALTER TABLE log ADD COLUMN formerly TEXT;
ALTER TABLE journal ADD COLUMN formerly TEXT;
ALTER TABLE kept ADD COLUMN formerly TEXT;
