-- Whom a counselor may see (store.ts, View).

-- The sub of the counselor whose view is asked for; nil: everybody is seen.
local view

-- user -> whether they are seen, of those who were met in this batch
local seen = {}

local function is_seen(user, record)
  if not view then return true end
  if seen[user] ~= nil then return seen[user] end
  local found = false
  if record.counselor == view then
    found = true
  elseif record.alert then
    local alert = get({}, 'HMGET', alert_key(record.alert), 'assignee', 'status', 'ackBy')
    found = alert[1] == view or not record.counselor and (alert[2] ~= 'ACKNOWLEDGED' or alert[3] == view)
  end
  seen[user] = found
  return found
end
