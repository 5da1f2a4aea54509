-- A user's record: the JSON under USERS, {rev, created, active, chats, risks, accepted, raised, last, alert, level, stripped}.
-- last: the newest three points ever, newest first, [at, id, risk rank] each; absent when there are none. alert and level (rank):
-- the unresolved alert; raised: alerts raised so far. The profile hash repeats for the predecessor what it knows.

local WEEK = 7 * DAY

local UNLIMITED = { conversations = 0, conversationsDays = 0, emotions = 0, emotionsDays = 0, profileDays = 0 }

local policies
local function all_policies()
  if not policies then
    policies = {}
    for _, text in ipairs(get({}, 'LRANGE', POLICIES, 0, -1)) do
      local policy = parse(text)
      if policy and type(policy.n) == 'number' and type(policy.at) == 'number' and type(policy.limits) == 'table' then
        for name in pairs(UNLIMITED) do policy.limits[name] = tonumber(policy.limits[name]) or 0 end
        policies[#policies + 1] = policy
      end
    end
  end
  return policies
end

local function limits()
  local all = all_policies()
  return #all > 0 and all[#all].limits or UNLIMITED
end

-- What is kept of a list ('conversations' or 'emotions') of a user last met at index rev: at most cap, nothing before floor (rules.ts, keepOf).
local function keep_of(list, rev, now)
  local all = all_policies()
  local first = 1
  for i, policy in ipairs(all) do if policy.n <= rev then first = i end end
  local cap, floor = math.huge, -math.huge
  for i = first, #all do
    local count, days = all[i].limits[list], all[i].limits[list .. 'Days']
    if count > 0 then cap = math.min(cap, count) end
    if days > 0 then floor = math.max(floor, (all[i + 1] and all[i + 1].at or now) - days * DAY) end
  end
  return cap, floor
end

-- How many elements of a list are visible now: they are the first of it.
local function visible(list, key, rev, now)
  local cap, floor = keep_of(list, rev, now)
  return place_of_time(key, math.min(cap, get(0, 'LLEN', key)), floor)
end

local NUMBERS = { 'rev', 'created', 'chats', 'risks', 'accepted', 'raised' }

local function is_point(point)
  return type(point) == 'table' and type(point[1]) == 'number' and type(point[2]) == 'string' and is_rank(point[3])
end

local function is_sound(record)
  for _, name in ipairs(NUMBERS) do if type(record[name]) ~= 'number' then return false end end
  for _, name in ipairs({ 'active', 'stripped' }) do
    if record[name] ~= nil and type(record[name]) ~= 'number' then return false end
  end
  if record.alert == nil then
    if record.level ~= nil then return false end
  elseif type(record.alert) ~= 'string' or not is_rank(record.level) then
    return false
  end
  if record.last == nil then return true end
  if type(record.last) ~= 'table' or #record.last < 1 or #record.last > 3 then return false end
  for _, point in ipairs(record.last) do if not is_point(point) then return false end end
  return true
end

-- The unresolved alert of a user, as the alerts themselves tell: id and level.
local function unresolved_alert(keys)
  local id = get({}, 'LRANGE', keys.alerts, -1, -1)[1]
  if not id then return nil end
  local fields = get({}, 'HMGET', alert_key(id), 'status', 'level')
  local level = tonumber(fields[2] or nil)
  if fields[1] == 'RESOLVED' or not is_rank(level) then return nil end
  return id, level
end

-- A record that can't be read as it should is made again, field by field: from what is left of it, else from the profile and the lists.
local function mend(found, keys)
  local profile, last = {}, {}
  local fields = get({}, 'HGETALL', keys.profile)
  for i = 1, #fields, 2 do profile[fields[i]] = tonumber(fields[i + 1]) end
  for _, element in ipairs(get({}, 'LRANGE', keys.emotions, 0, 2)) do
    local point = item(element)
    if point then last[#last + 1] = { point.at, point.id, point.rank } end
  end
  local function number(name, ...)
    if type(found[name]) == 'number' then return found[name] end
    for _, value in pairs({ ... }) do if value then return value end end
  end
  local active = number('active', profile.active_ms, last[1] and last[1][1])
  local alert, level = unresolved_alert(keys)
  return {
    rev = number('rev', profile.rev, 0), created = number('created', profile.created_ms, active, 0), active = active,
    chats = number('chats', profile.total_chats, get(0, 'LLEN', keys.conversations)),
    risks = number('risks', profile.total_risk_alerts, 0), accepted = number('accepted', profile.accepted_ms, active, 0),
    raised = number('raised', get(0, 'LLEN', keys.alerts)), stripped = number('stripped'),
    last = last[1] and last or nil, alert = alert, level = level,
  }
end

-- The record, and its text where that is sound; nil for an unknown user.
local function load_user(user, keys)
  local text = call('HGET', USERS, user)
  if not text then return nil end
  local record = parse(text)
  if record and is_sound(record) then return record, text end
  return mend(record or {}, keys)
end

local function current_risk(record)
  return math.max(record.last and record.last[1][3] or 0, record.level or 0)
end

local function attention(record)
  local risky, last = 0, record.last or {}
  for _, point in ipairs(last) do if point[3] >= 2 then risky = risky + 1 end end
  if risky >= 2 and #last == 3 then return 'NEEDS_ATTENTION' end
  return risky > 0 and 'WATCH' or 'NONE'
end

-- What the index entries of a record are made of; nil for a user who has none yet.
local function indexed(record)
  return { active = record.active, created = record.created, risk = current_risk(record), attention = attention(record), alert = record.alert }
end

-- Writes the record, and of its index entries those that changed since `was`.
local function save_user(user, keys, record, was)
  was = was or {}
  local now = indexed(record)
  call('HSET', USERS, user, cjson.encode(record))
  call('HSET', keys.profile, 'user_id', user, 'total_chats', record.chats, 'total_risk_alerts', record.risks, 'rev', record.rev,
    'created_ms', record.created, 'active_ms', record.active or '', 'accepted_ms', record.accepted)
  if not was.created then call('ZADD', BY_NAME, 0, user) end
  if now.created ~= was.created then call('ZADD', BY_CREATED, now.created, user) end
  if now.active ~= was.active then call('ZADD', BY_ACTIVE, now.active or 0, user) end
  if now.active ~= was.active or now.risk ~= was.risk then call('ZADD', BY_RISK, now.risk * 1e13 + (now.active or 0), user) end
  if now.attention ~= was.attention then
    for _, level in ipairs({ 'WATCH', 'NEEDS_ATTENTION' }) do call(level == now.attention and 'SADD' or 'SREM', attention_key(level), user) end
  end
  if now.alert ~= was.alert then call(now.alert and 'SADD' or 'SREM', ALERTED, user) end
end

-- Removes a list, and answers how many of it were visible.
local function drop_list(list, keys, rev, now)
  local count = visible(list, keys[list], rev, now)
  call('DEL', keys[list])
  return count
end

local function drop_topics(user, keys)
  local names = call('HKEYS', keys.tally)
  for _, name in ipairs(names) do
    call('ZREM', topic_key(name), user)
    if tonumber(call('ZINCRBY', VOCABULARY, 1, name)) >= 0 then call('ZREM', VOCABULARY, name) end
  end
  call('DEL', keys.tally, keys.words)
  return #names
end

local function unindex(user)
  call('HDEL', USERS, user)
  for _, key in ipairs({ BY_ACTIVE, BY_CREATED, BY_RISK, BY_NAME }) do call('ZREM', key, user) end
  for _, key in ipairs({ attention_key('WATCH'), attention_key('NEEDS_ATTENTION'), ALERTED }) do call('SREM', key, user) end
end

-- Whatever the policies since the user was last met removed, goes now.
local function meet_policies(keys, record, now)
  local all = all_policies()
  if #all == 0 or all[#all].n <= record.rev then return end
  for _, list in ipairs({ 'conversations', 'emotions' }) do
    local count = visible(list, keys[list], record.rev, now)
    if count == 0 then call('DEL', keys[list]) else call('LTRIM', keys[list], 0, count - 1) end
  end
end
