-- The risk alerts of users: one unresolved alert a user, with its history and its place in the order of alerts.

local RISKS = { [0] = 'UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'IMMINENT' }

local function rank_alert(id, status, level, raised)
  call('ZADD', alerts_key(status), int((4 - level) * 1e13 + raised), id)
end

local function alert_event_id(event, id, kind, ordinal) return redis.sha1hex(event.id .. '\0' .. id .. '\0' .. kind .. '\0' .. int(ordinal)) end

-- Appends an alert event to the alert's history and to `told`, the list that goes with the log entry.
local function tell(told, event, id, kind, level)
  local text = cjson.encode({
    id = alert_event_id(event, id, kind, #told),
    alertId = id, kind = kind, at = event.at, level = RISKS[level],
  })
  told[#told + 1] = text
  call('HSET', alert_key(id), 'told', call('RPUSH', history_key(id), text))
end

-- A risky conversation raises the user's alert, or adds to it. Answers its id.
local function signal(event, record, keys, told)
  local id = record.alert
  if id then
    -- What can't be read of the alert is made good from what is known here: nothing may fail between the writes.
    local key = alert_key(id)
    local found = call('HMGET', key, 'status', 'occurrences', 'raised', 'seen', 'version')
    local status = (found[1] == 'OPEN' or found[1] == 'ACKNOWLEDGED') and found[1] or 'OPEN'
    local occurrences, raised = tonumber(found[2] or nil) or 0, tonumber(found[3] or nil) or event.at
    local seen, version = tonumber(found[4] or nil) or 0, tonumber(found[5] or nil) or 1
    local higher = event.risk > record.level
    if higher then record.level, version = event.risk, version + 1 end
    call('HSET', key, 'user', event.user, 'status', status, 'occurrences', occurrences + 1, 'raised', raised,
      'seen', math.max(event.occurred, seen), 'version', version, 'level', record.level)
    call('HSETNX', key, 'conversation', event.id)
    rank_alert(id, status, record.level, raised)
    tell(told, event, id, 'OCCURRED', event.risk)
    if higher then tell(told, event, id, 'LEVEL_RAISED', event.risk) end
    return id
  end
  local since = math.max(number_at(TOMBSTONES, event.mark) or 0, number_at(EXPIRIES, event.mark) or 0)
  id = redis.sha1hex(event.user .. '\0' .. string.format('%d', since) .. '\0' .. string.format('%d', record.raised))
  call('HSET', alert_key(id), 'user', event.user, 'level', event.risk, 'status', 'OPEN', 'occurrences', 1, 'raised', event.at,
    'seen', event.occurred, 'conversation', event.id, 'version', 1, 'trigger', event.body)
  record.kept[5] = call('RPUSH', keys.alerts, id)
  rank_alert(id, 'OPEN', event.risk, event.at)
  record.alert, record.level, record.raised = id, event.risk, record.raised + 1
  tell(told, event, id, 'RAISED', event.risk)
  return id
end
