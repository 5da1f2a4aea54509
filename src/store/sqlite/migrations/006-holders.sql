-- Whose an alert was before what takes it from somebody: JSON {counselor, assignee, acknowledgedBy}.

ALTER TABLE alert_events ADD COLUMN holders TEXT;
