-- What is done about alerts, by somebody or by the passing of time; and who is to look after whom.

-- A payload, in which what is null is absent.
local function payload_of(body)
  local payload = parse(body) or {}
  for name, value in pairs(payload) do if value == cjson.null then payload[name] = nil end end
  return payload
end

-- The id of the alert that an event is about to change; nil for none.
local function alert_concerned(event, keys, record)
  if event.kind == 'acted' then return call('LPOS', keys.alerts, event.payload.alertId) and event.payload.alertId or nil end
  if event.kind == 'assigned' then return record.alert end
  return record.alert or call('LINDEX', keys.alerts, -1) or nil
end

local function renew(alert, at)
  if alert.status == 'ACKNOWLEDGED' and alert.ackUntil then alert.ackUntil = math.max(alert.ackUntil, acknowledged_until(alert, at)) end
end

-- Whom an alert was escalated to, and those besides, as JSON.
local function called_too(known, more)
  local all, met = {}, {}
  for _, names in ipairs({ names_in(known) or {}, more }) do
    for _, name in ipairs(names) do
      if not met[name] then all[#all + 1], met[name] = cjson.encode(name), true end
    end
  end
  return '[' .. table.concat(all, ',') .. ']'
end

-- Those of them whom `keep` keeps, as JSON.
local function called_still(known, keep)
  local all = {}
  for _, name in ipairs(names_in(known) or {}) do
    if keep(name) then all[#all + 1] = cjson.encode(name) end
  end
  return '[' .. table.concat(all, ',') .. ']'
end

-- What each action does to an alert. Answers the kind of alert event; nil where it comes too late, and then nothing is changed.
local ACTIONS = {
  NOTE = function(alert, action, at)
    if action.actor == alert.assignee then renew(alert, at) end
    return 'NOTED'
  end,
  ACKNOWLEDGE = function(alert, action, at)
    if alert.status == 'RESOLVED' or not action.actor then return nil end
    if alert.status ~= 'ACKNOWLEDGED' or alert.assignee ~= action.actor then
      alert.ackBy, alert.ackAt, alert.ackUntil = action.actor, at, acknowledged_until(alert, at)
      alert.version = alert.version + 1
      -- Whoever else was called on need not care for it any more.
      alert.to = called_still(alert.to, function(name) return name == action.actor end)
    end
    alert.status, alert.assignee, alert.next = 'ACKNOWLEDGED', action.actor, nil
    renew(alert, at)
    return 'ACKNOWLEDGED'
  end,
  RESOLVE = function(alert, action, at)
    if alert.status == 'RESOLVED' or not action.actor then return nil end
    alert.status, alert.next, alert.version = 'RESOLVED', nil, alert.version + 1
    alert.resolvedBy, alert.resolvedAt, alert.resolution = action.actor, at, action.resolution or ''
    alert.resolvedUntil = limits().alertsDays > 0 and at + limits().alertsDays * DAY or nil
    return 'RESOLVED'
  end,
  ESCALATE = function(alert, action)
    if action.due then
      if alert.status ~= 'OPEN' or alert.next ~= action.due then return nil end
    elseif alert.status == 'RESOLVED' then
      return nil
    end
    alert.step, alert.to = alert.step + 1, called_too(alert.to, action.to or {})
    alert.next = alert.status == 'OPEN' and next_escalation(alert) or nil
    return 'ESCALATED'
  end,
  LAPSE = function(alert, action, at)
    if alert.status ~= 'ACKNOWLEDGED' or not action.due or alert.ackUntil ~= action.due then return nil end
    wait(alert, at)
    alert.version = alert.version + 1
    return 'LAPSED'
  end,
}

-- The words in which an action that came too late stays in the history.
local function not_carried_out(action)
  local text = 'not carried out: ' .. action.action
  if action.resolution then text = text .. '; ' .. action.resolution end
  if action.note then text = text .. '; ' .. action.note end
  return text
end

local function carried_out(action, told)
  if action.action == 'NOTE' or action.action == 'EXPIRE' then return true end
  for _, text in ipairs(told) do if parse(text).kind ~= 'NOTED' then return true end end
  return false
end

-- An event that was applied here: told again where it is the very same; nil where it is new.
local function known_action(event, n, keys, record, told)
  local known = remembered(keys, event.id, event.at)
  if not known then return nil end
  -- Every instance says what is due: nothing is lost with what comes twice of that.
  if known.source ~= source_of(event) and known.source ~= event.formerly then return { 'duplicate', known.alert } end
  return came_before(event, n, keys, record, known, told)
end

local function save_action(event, n, keys, record, was, alert)
  record.rev, record.accepted = n, math.max(record.accepted, event.at)
  record.kept[4] = record.kept[4] + call('HSET', keys.seen, event.id, memory_of(event, alert))
  call('ZADD', keys.ids, int(event.at), event.id)
  call('RPUSH', keys.entries, int(n))
  save_user(event.user, keys, record, was)
end

-- An alert that was resolved long ago goes, with its history.
local function ended(event, n, keys, record, told)
  if not record then return { 'conflict' } end
  local again = known_action(event, n, keys, record, told)
  if again then return again end
  local id, due = alert_concerned(event, keys, record), event.payload.due
  local alert = id and load_alert(id)
  if not alert or alert.status ~= 'RESOLVED' or not due or alert.resolvedUntil ~= due then return { 'conflict' } end
  local before = indexed(record)
  meet_policies(keys, record, event.at)
  drop_alert(id)
  record.kept[5] = record.kept[5] - call('LREM', keys.alerts, 0, id)
  -- Whoever was kept for their alerts alone expires after the last of them.
  if record.kept[5] == 0 then record.stripped = nil end
  save_action(event, n, keys, record, before, id)
  return { 'applied', 1, id }
end

-- What may take an alert from somebody.
local TAKING = { ACKNOWLEDGED = true, RESOLVED = true }

-- Whose an alert is, and its person.
local function holders_of(record, alert)
  return {
    counselor = record.counselor, assignee = alert.assignee, acknowledgedBy = alert.status == 'ACKNOWLEDGED' and alert.ackBy or nil,
    escalatedTo = names_in(alert.to),
  }
end

local function acted(event, n, keys, record, told)
  local action = event.payload
  if action.action == 'EXPIRE' then return ended(event, n, keys, record, told) end
  local id = record and alert_concerned(event, keys, record)
  local alert = id and load_alert(id)
  if not alert then return { 'conflict' } end
  local again = known_action(event, n, keys, record, told)
  if again then
    if again[1] == 'applied' then again[2] = carried_out(action, told) and 1 or 0 end
    return again
  end
  local was = alert.status or 'lost'
  make_good(alert, event, record.alert == id and record.level)
  local level, holders = alert.level, holders_of(record, alert)
  local fits_version = not action.version or action.version == alert.version
  local kind = fits_version and ACTIONS[action.action](alert, action, event.at)
  if not kind and action.due then return { 'conflict' } end
  local before = indexed(record)
  meet_policies(keys, record, event.at)
  if kind then
    save_alert(id, alert, was)
    tell(told, event, id, kind, level, action.actor, action.note, TAKING[kind] and holders or nil)
    if record.alert == id then
      concern(record, id, alert)
      if alert.status == 'RESOLVED' then record.alert, record.level, record.assignee, record.to = nil, nil, nil, nil end
    end
  else
    tell(told, event, id, 'NOTED', level, action.actor, not_carried_out(action))
  end
  save_action(event, n, keys, record, before, id)
  return { 'applied', kind and 1 or 0, id }
end

local function assigned(event, n, keys, record, told)
  if not record then return { 'conflict' } end
  local again = known_action(event, n, keys, record, told)
  if again then return again end
  local assignment, before = event.payload, indexed(record)
  meet_policies(keys, record, event.at)
  local alert = record.alert and load_alert(record.alert)
  if alert then
    local was = alert.status or 'lost'
    make_good(alert, event, record.level)
    local holders = holders_of(record, alert)
    if alert.assignee ~= assignment.counselor then alert.version = alert.version + 1 end
    -- Whoever had it until then has it no more, also if it was escalated to them.
    alert.to = called_still(alert.to, function(name)
      return name == assignment.counselor or name ~= record.counselor and name ~= alert.assignee
    end)
    alert.assignee = assignment.counselor
    concern(record, record.alert, alert)
    renew(alert, event.at)
    save_alert(record.alert, alert, was)
    tell(told, event, record.alert, 'ASSIGNED', alert.level, assignment.actor, assignment.note, holders)
  end
  record.counselor = assignment.counselor
  save_action(event, n, keys, record, before, alert and record.alert or '')
  return { 'applied', 1, alert and record.alert or '' }
end
