-- Whom an unresolved alert was escalated to, as its escalation says: they may see it.

CREATE TABLE alert_calls (
  sub TEXT NOT NULL,
  alert_id TEXT NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  PRIMARY KEY (sub, alert_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_calls_by_alert ON alert_calls (alert_id);

INSERT OR IGNORE INTO alert_calls (sub, alert_id, user_id)
  SELECT value, alerts.id, user_id FROM alerts, json_each(iif(json_valid(escalation), escalation, '{}'), '$.to')
  WHERE status <> 'RESOLVED' AND json_each.type = 'text';
