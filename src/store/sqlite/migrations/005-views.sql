-- Whom a counselor may see is found by what is theirs, and by what is nobody's yet.

CREATE INDEX users_waiting ON users (user_id) WHERE counselor IS NULL AND open_alert_id IS NOT NULL;
CREATE INDEX alerts_held ON alerts (assignee, user_id) WHERE status <> 'RESOLVED';
