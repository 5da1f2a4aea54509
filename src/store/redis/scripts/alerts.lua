-- The risk alerts of users: one unresolved alert a user, with its history and its place in the order of alerts.

local RISKS = { [0] = 'UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'IMMINENT' }
local LEVELS = { 'MEDIUM', 'HIGH', 'IMMINENT' }
local MINUTE = 60000

local DEFAULT_TRIAGE = {
  escalateAfterMinutes = { MEDIUM = { 60, 240 }, HIGH = { 5, 15, 30 }, IMMINENT = { 0, 2, 5 } },
  acknowledgedForMinutes = { MEDIUM = 240, HIGH = 30, IMMINENT = 10 },
}

local function is_triage(found)
  if type(found) ~= 'table' or type(found.escalateAfterMinutes) ~= 'table' or type(found.acknowledgedForMinutes) ~= 'table' then return false end
  for _, level in ipairs(LEVELS) do
    local steps, minutes = found.escalateAfterMinutes[level], found.acknowledgedForMinutes[level]
    if type(steps) ~= 'table' or type(minutes) ~= 'number' or minutes < 0 then return false end
    for _, step in ipairs(steps) do if type(step) ~= 'number' or step < 0 then return false end end
  end
  return true
end

local function triage() return is_triage(limits().triage) and limits().triage or DEFAULT_TRIAGE end
local function triage_level(rank) return LEVELS[math.max(rank, 2) - 1] end

local function after_minutes(at, minutes) return math.floor(at + minutes * MINUTE + 0.5) end

local function next_escalation(alert)
  local minutes = triage().escalateAfterMinutes[triage_level(alert.level)][alert.step + 1]
  return minutes and after_minutes(alert.since, minutes)
end

local function acknowledged_until(alert, at) return after_minutes(at, triage().acknowledgedForMinutes[triage_level(alert.level)]) end

-- The fields of an alert's hash, but for trigger and told; of those that are absent the alert has none.
local TEXTS = { 'user', 'status', 'conversation', 'assignee', 'ackBy', 'resolvedBy', 'resolution', 'to' }
local NUMBERED = { 'level', 'occurrences', 'raised', 'seen', 'version', 'ackAt', 'ackUntil', 'resolvedAt', 'resolvedUntil', 'since', 'step', 'next' }

-- nil where there is no such alert. What can't be read of it is absent.
local function load_alert(id)
  local alert = {}
  local texts, numbers = call('HMGET', alert_key(id), unpack(TEXTS)), call('HMGET', alert_key(id), unpack(NUMBERED))
  if not texts[1] then return nil end
  for i, name in ipairs(TEXTS) do alert[name] = texts[i] or nil end
  for i, name in ipairs(NUMBERED) do
    local number = tonumber(numbers[i] or nil)
    -- Lua reads 'nan' and 'inf', too, and more than the readers of JSON tell from the next.
    alert[name] = number and math.abs(number) < 2 ^ 53 and number or nil
  end
  return alert
end

-- What can't be read of an alert is made good from what is known here: nothing may fail between the writes.
local function make_good(alert, event, level)
  if alert.status ~= 'ACKNOWLEDGED' and alert.status ~= 'RESOLVED' then alert.status = 'OPEN' end
  alert.user, alert.occurrences, alert.raised = event.user, alert.occurrences or 0, alert.raised or event.at
  alert.seen, alert.version, alert.conversation = alert.seen or 0, alert.version or 1, alert.conversation or event.id
  alert.level = is_rank(level) and level or is_rank(alert.level) and alert.level or 4
  if not alert.since then alert.since, alert.next = 0, alert.status == 'OPEN' and 0 or nil end
  alert.step, alert.to = alert.step or 0, alert.to or '[]'
end

local DEADLINES = { OPEN = 'next', ACKNOWLEDGED = 'ackUntil', RESOLVED = 'resolvedUntil' }

-- When something follows from the passing of time alone; '+inf': nothing does. Every alert has its place among those due.
local function rank_due(id, alert)
  local at = DEADLINES[alert.status] and alert[DEADLINES[alert.status]]
  call('ZADD', DUE, at and int(at) or '+inf', id)
end

local function rank_alert(id, alert, was)
  if was and was ~= alert.status then for _, status in ipairs(STATUSES) do call('ZREM', alerts_key(status), id) end end
  call('ZADD', alerts_key(alert.status), int((4 - alert.level) * 1e13 + alert.raised), id)
  rank_due(id, alert)
end

-- `was`: the status that it had.
local function save_alert(id, alert, was)
  local set, gone = {}, {}
  local function put(name, value)
    if value == nil then gone[#gone + 1] = name else set[#set + 1], set[#set + 2] = name, value end
  end
  for _, name in ipairs(TEXTS) do put(name, alert[name]) end
  for _, name in ipairs(NUMBERED) do put(name, alert[name] and int(alert[name])) end
  call('HSET', alert_key(id), unpack(set))
  if #gone > 0 then call('HDEL', alert_key(id), unpack(gone)) end
  rank_alert(id, alert, was)
end

-- It begins to wait for somebody. Whom it was escalated to until then goes on to be asked, unless it was resolved.
local function wait(alert, at)
  if alert.status == 'RESOLVED' or not names_in(alert.to) then alert.to = '[]' end
  alert.status, alert.ackBy, alert.ackAt, alert.ackUntil, alert.resolvedBy, alert.resolvedAt, alert.resolution = 'OPEN', nil, nil, nil, nil, nil, nil
  alert.resolvedUntil = nil
  alert.since, alert.step = at, 0
  alert.next = next_escalation(alert)
end

local function alert_event_id(event, id, kind, ordinal) return redis.sha1hex(event.id .. '\0' .. id .. '\0' .. kind .. '\0' .. int(ordinal)) end

-- Appends an alert event to the alert's history and to `told`, the list that goes with the log entry.
local function tell(told, event, id, kind, level, actor, note, before)
  local text = cjson.encode({
    id = alert_event_id(event, id, kind, #told),
    alertId = id, kind = kind, at = event.at, level = RISKS[level], actor = actor, note = note, before = before,
  })
  told[#told + 1] = text
  call('HSET', alert_key(id), 'told', call('RPUSH', history_key(id), text))
end

local KINDS = { 'RAISED', 'OCCURRED', 'LEVEL_RAISED', 'ASSIGNED', 'ACKNOWLEDGED', 'LAPSED', 'ESCALATED', 'NOTED', 'RESOLVED', 'REOPENED' }

-- Tells once more what an event told when it was applied.
local function tell_again(told, event, id)
  local ours = {}
  for _, kind in ipairs(KINDS) do for ordinal = 0, 2 do ours[alert_event_id(event, id, kind, ordinal)] = true end end
  for _, text in ipairs(call('LRANGE', history_key(id), 0, -1)) do
    local found = parse(text)
    if found and ours[found.id] then told[#told + 1] = text end
  end
end

-- The user's newest alert, if it was resolved only just before.
local function last_resolved(keys, at)
  local id = call('LINDEX', keys.alerts, -1)
  local alert = id and load_alert(id)
  if alert and alert.status == 'RESOLVED' and alert.resolvedAt and at - alert.resolvedAt <= DAY then return id end
  return nil
end

local function raise(event, record, keys, told, level, note, escalated)
  local since = math.max(number_at(TOMBSTONES, event.mark) or 0, number_at(EXPIRIES, event.mark) or 0)
  local id = redis.sha1hex(event.user .. '\0' .. string.format('%d', since) .. '\0' .. string.format('%d', record.raised))
  local alert = {
    user = event.user, level = level, occurrences = 1, raised = event.at, seen = event.occurred, conversation = event.id, version = 1,
    assignee = record.counselor,
  }
  wait(alert, event.at)
  if not escalated then alert.next = nil end
  save_alert(id, alert)
  if not event.countsOnly then call('HSET', alert_key(id), 'trigger', event.body) end
  record.kept[5] = call('RPUSH', keys.alerts, id)
  concern(record, id, alert)
  record.raised = record.raised + 1
  tell(told, event, id, 'RAISED', level, nil, note)
  return id
end

-- What happened days before it was recorded raises an alert only where that was asked for, and nobody is escalated to. nil: it does not.
local function late_signal(event, record, keys, told)
  if event.risk < 2 or event.at - event.occurred > WEEK or record.alert or last_resolved(keys, event.at) then return nil end
  return raise(event, record, keys, told, event.risk, nil, false)
end

-- A sign of risk raises the user's alert, or adds to the unresolved one. Answers its id.
local function signal(event, record, keys, told, level, note)
  local id = record.alert or last_resolved(keys, event.at)
  if id then
    local alert = load_alert(id) or {}
    local was = alert.status or 'lost'
    make_good(alert, event, record.level)
    alert.occurrences, alert.seen = alert.occurrences + 1, math.max(event.occurred, alert.seen)
    local higher = level > alert.level
    local reopened = alert.status == 'RESOLVED' or higher and alert.status == 'ACKNOWLEDGED'
    if higher then alert.level = level end
    if higher or reopened then
      wait(alert, event.at)
      alert.version = alert.version + 1
    end
    concern(record, id, alert)
    save_alert(id, alert, was)
    tell(told, event, id, 'OCCURRED', level, nil, note)
    if higher then tell(told, event, id, 'LEVEL_RAISED', level) end
    if reopened then tell(told, event, id, 'REOPENED', alert.level) end
    return id
  end
  return raise(event, record, keys, told, level, note, true)
end
