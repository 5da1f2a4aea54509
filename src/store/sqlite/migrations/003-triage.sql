-- Who looks after whom, and what becomes of an alert. `acknowledged`, `resolved` and `escalation` are JSON, as in model.ts.

ALTER TABLE users ADD COLUMN counselor TEXT;
ALTER TABLE users ADD COLUMN trend_day INTEGER; -- the newest UTC day (from 1970) on which the trend alone raised an alert
CREATE INDEX users_by_counselor ON users (counselor, user_id) WHERE counselor IS NOT NULL;

ALTER TABLE alerts ADD COLUMN assignee TEXT;
ALTER TABLE alerts ADD COLUMN acknowledged TEXT;
ALTER TABLE alerts ADD COLUMN resolved TEXT;
ALTER TABLE alerts ADD COLUMN escalation TEXT NOT NULL DEFAULT '{"since":0,"step":0,"to":[],"next":null}';
ALTER TABLE alerts ADD COLUMN due INTEGER; -- when a step of the escalation, or the lapse of the acknowledgement, is due
CREATE INDEX alerts_due ON alerts (due, id) WHERE due IS NOT NULL;
CREATE INDEX alerts_by_assignee ON alerts (assignee, place, id);
