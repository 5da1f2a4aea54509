-- Whether a user's record (users.lua) can be read, and the user's keys hold all that it says they do.

local NUMBERS = { 'rev', 'created', 'chats', 'risks', 'accepted', 'raised' }

local function are_numbers(values, count)
  if type(values) ~= 'table' then return false end
  for i = 1, count do if type(values[i]) ~= 'number' then return false end end
  return true
end

local function are_strings(values)
  if type(values) ~= 'table' then return false end
  for _, value in pairs(values) do if type(value) ~= 'string' then return false end end
  return true
end

local function is_point(point)
  return type(point) == 'table' and type(point[1]) == 'number' and type(point[2]) == 'string' and is_rank(point[3])
end

local function are_sources(sources)
  if type(sources) ~= 'table' then return false end
  for _, source in pairs(sources) do if not are_numbers(source, 4) then return false end end
  return true
end

local function is_sound(record)
  for i = 1, #NUMBERS do if type(record[NUMBERS[i]]) ~= 'number' then return false end end
  if record.active ~= nil and type(record.active) ~= 'number' then return false end
  if record.stripped ~= nil and type(record.stripped) ~= 'number' then return false end
  if record.since ~= nil and type(record.since) ~= 'number' then return false end
  if record.trend ~= nil and type(record.trend) ~= 'number' then return false end
  if record.counselor ~= nil and type(record.counselor) ~= 'string' then return false end
  if record.sources ~= nil and not are_sources(record.sources) then return false end
  if record.assignee ~= nil and type(record.assignee) ~= 'string' then return false end
  if record.to ~= nil and not are_strings(record.to) then return false end
  if record.alert == nil then
    if record.level ~= nil then return false end
  elseif type(record.alert) ~= 'string' or not is_rank(record.level) then
    return false
  end
  if not are_numbers(record.kept, 5) or not are_numbers(record.deadlines, 2) then return false end
  if record.last == nil then return true end
  if type(record.last) ~= 'table' or #record.last < 1 or #record.last > 3 then return false end
  for i = 1, #record.last do if not is_point(record.last[i]) then return false end end
  return true
end

local function is_lapsed(deadline) return deadline > 0 and deadline <= now_here() end

-- How many items a list has; nil where some are missing that it did not lose by its own expiry. `i`: its place in kept.
local function length_of(key, record, i)
  local length = get(0, 'LLEN', key)
  if length >= record.kept[i] then return length end
  if length == 0 and is_lapsed(record.deadlines[i]) then return 0 end
  return nil
end

local function has_tally(keys, record)
  local count = record.kept[3]
  return count == 0 or get(0, 'HLEN', keys.tally) >= count and get(0, 'SCARD', keys.words) >= count
end

local function has_alerts(keys, record) return record.kept[5] == 0 or get(0, 'LLEN', keys.alerts) >= record.kept[5] end

-- Whether the user's keys hold all that the record says they do. Where they do, kept says what they hold.
local function fits(keys, record)
  local conversations, emotions = length_of(keys.conversations, record, 1), length_of(keys.emotions, record, 2)
  if not conversations or not emotions or not has_tally(keys, record) or not has_alerts(keys, record) then return false end
  local ids = record.kept[4]
  if get(0, 'HLEN', keys.seen) < ids or get(0, 'ZCARD', keys.ids) < ids or get(0, 'HLEN', keys.profile) < 5 then return false end
  record.kept[1], record.kept[2] = conversations, emotions
  return true
end

-- Whether an alert is there with its whole history.
local function is_whole(id)
  local found = get({}, 'HMGET', alert_key(id), 'user', 'told')
  return found[1] and get(0, 'LLEN', history_key(id)) >= (tonumber(found[2] or nil) or 0)
end

local function is_there(keys)
  local names = {}
  for _, key in pairs(keys) do names[#names + 1] = key end
  return redis.call('EXISTS', unpack(names)) > 0
end

-- What the keys hold of a user whose record is from before that was noted.
local function measure(record, keys)
  local function deadline_of(key) return math.max(0, now_here() + redis.call('PTTL', key)) end
  record.kept = { get(0, 'LLEN', keys.conversations), get(0, 'LLEN', keys.emotions), get(0, 'HLEN', keys.tally), get(0, 'HLEN', keys.seen), get(0, 'LLEN', keys.alerts) }
  record.deadlines = { deadline_of(keys.conversations), deadline_of(keys.emotions) }
end
