-- 1: the policy is applied ahead of the log, under an index that is not its own.

ALTER TABLE policies ADD COLUMN ahead INTEGER;
