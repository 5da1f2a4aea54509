-- 1: the policy is applied ahead of the log, under an index that is not its own.

ALTER TABLE policies ADD COLUMN ahead INTEGER;
UPDATE policies SET ahead = 1 WHERE n > (SELECT trimmed FROM meta) AND NOT EXISTS (SELECT 1 FROM log WHERE log.n = policies.n AND log.kind = 'policy')
  AND at IN (SELECT accepted_at FROM journal WHERE kind = 'policy' AND n IS NOT NULL);
