-- A user's record: the JSON under USERS, {rev, created, active, chats, risks, accepted, raised, last, alert, level, assignee, to, stripped, kept, deadlines}.
-- last: the newest three points ever, newest first, [at, id, risk rank] each; absent when there are none. alert, level (rank),
-- assignee (sub) and to (whom it was escalated to: subs; absent when there are none): of the unresolved alert; raised: alerts raised so far. kept: how many conversations, emotions, topics, ids and alerts the user's keys
-- hold, so that missing ones are noticed; deadlines: when conversations and emotions expire by themselves, 0 for never. since: the least
-- time of what was recorded, of acceptance or occurrence. counselor: who looks after them (sub). trend: the newest UTC day on which the
-- trend alone raised an alert. sources: what other systems had counted, {source: [chats, risk alerts, chats taken over one by one, risk alerts of these]}.

local WEEK = 7 * DAY

local UNLIMITED = { conversations = 0, conversationsDays = 0, emotions = 0, emotionsDays = 0, profileDays = 0, alertsDays = 0 }

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

-- What many users, or many events of one user, add to a key is written once for all of them: nothing of it may be read before.
local pending = {}
local function add_later(command, key, first, second)
  writes = writes + 1
  local arguments = pending[key]
  if not arguments then
    arguments = { command, key }
    pending[key] = arguments
  end
  local count = #arguments
  arguments[count + 1], arguments[count + 2] = first, second
end

-- The same for fields of a hash (HSET), or members of a sorted set (ZADD) with their scores, of which the last value counts.
local latest = {}
local function set_later(command, key, name, value)
  writes = writes + 1
  local values = latest[key]
  if not values then
    values = { command = command, of = {} }
    latest[key] = values
  end
  values.of[name] = value
end

local function write_pending()
  local added, set = pending, latest
  pending, latest = {}, {}
  for _, arguments in pairs(added) do call(unpack(arguments)) end
  for key, values in pairs(set) do
    local arguments, count, is_scored = { values.command, key }, 2, values.command == 'ZADD'
    for name, value in pairs(values.of) do
      arguments[count + 1], arguments[count + 2] = is_scored and value or name, is_scored and name or value
      count = count + 2
    end
    call(unpack(arguments))
  end
end

-- user -> the text of the record, where it is known already; false for an unknown user
local records = {}
-- user -> the record as it was saved by this script, which fits
local saved = {}

-- The record and its text; nil for an unknown user. Third: whether something is wrong with it: it can't be read, or is missing while the user's keys are there.
local function load_user(user, keys)
  local text = records[user]
  if text == nil then text = get(false, 'HGET', USERS, user) end
  if not text then return nil, nil, is_there(keys) end
  local record = parse(text)
  if record and record.kept == nil then measure(record, keys) end
  if record and is_sound(record) then return record, text, false end
  return nil, nil, true
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
  return {
    active = record.active, created = record.created, risk = current_risk(record), attention = attention(record), alert = record.alert,
    assignee = record.assignee, to = record.to, counselor = record.counselor,
  }
end

-- The record as JSON. cjson takes several times as long.
local function text_of(record)
  local kept, deadlines = record.kept, record.deadlines
  local text = string.format('{"rev":%d,"created":%d,"chats":%d,"risks":%d,"accepted":%d,"raised":%d,"kept":[%d,%d,%d,%d,%d],"deadlines":[%d,%d]',
    record.rev, record.created, record.chats, record.risks, record.accepted, record.raised, kept[1], kept[2], kept[3], kept[4], kept[5],
    deadlines[1], deadlines[2])
  if record.active then text = text .. ',"active":' .. int(record.active) end
  if record.stripped then text = text .. ',"stripped":' .. int(record.stripped) end
  if record.alert then text = text .. ',"alert":' .. cjson.encode(record.alert) .. ',"level":' .. record.level end
  if record.assignee then text = text .. ',"assignee":' .. cjson.encode(record.assignee) end
  if record.to then text = text .. ',"to":' .. cjson.encode(record.to) end
  if record.counselor then text = text .. ',"counselor":' .. cjson.encode(record.counselor) end
  if record.trend then text = text .. ',"trend":' .. int(record.trend) end
  if record.since then text = text .. ',"since":' .. int(record.since) end
  if record.sources then text = text .. ',"sources":' .. cjson.encode(record.sources) end
  if not record.last then return text .. '}' end
  local points = {}
  for i, point in ipairs(record.last) do points[i] = string.format('[%d,%s,%d]', point[1], cjson.encode(point[2]), point[3]) end
  return text .. ',"last":[' .. table.concat(points, ',') .. ']}'
end

local function add_to_counselor(user, counselor)
  call('SADD', COUNSELORS, counselor)
  call('ZADD', counselor_key(counselor), '0', user)
end

-- What a record says of the user's unresolved alert.
local function concern(record, id, alert)
  record.alert, record.level, record.assignee, record.to = id, alert.level, alert.assignee, names_in(alert.to)
end

-- The claims on a user of whom the record, or what `indexed` answers of it, says so: at least one for each unresolved alert.
local function claims_on(user, record)
  if not record.alert then return {} end
  local claims = { claim_of(record.counselor, user) }
  if record.assignee and record.assignee ~= record.counselor then claims[2] = claim_of(record.assignee, user) end
  for _, name in ipairs(record.to or {}) do claims[#claims + 1] = claim_of(name, user) end
  return claims
end

local function add_claims(user, record)
  for _, claim in ipairs(claims_on(user, record)) do call('ZADD', CLAIMS, '0', claim) end
  if record.assignee then call('SADD', COUNSELORS, record.assignee) end
  if record.to then call('SADD', COUNSELORS, unpack(record.to)) end
end

-- Writes the record, and of its index entries those that changed since `was`; what is pending of that has to be written in the end.
local function save_user(user, keys, record, was)
  was = was or {}
  local now = indexed(record)
  records[user], saved[user] = text_of(record), record
  set_later('HSET', USERS, user, records[user])
  if not was.created then set_later('ZADD', BY_NAME, user, '0') end
  if now.created ~= was.created then set_later('ZADD', BY_CREATED, user, int(now.created)) end
  if not was.created or now.active ~= was.active then set_later('ZADD', BY_ACTIVE, user, int(now.active or 0)) end
  if now.active ~= was.active or now.risk ~= was.risk then set_later('ZADD', BY_RISK, user, int(now.risk * 1e13 + (now.active or 0))) end
  if now.attention ~= was.attention then
    for _, level in ipairs({ 'WATCH', 'NEEDS_ATTENTION' }) do call(level == now.attention and 'SADD' or 'SREM', attention_key(level), user) end
  end
  if now.alert ~= was.alert then call(now.alert and 'SADD' or 'SREM', ALERTED, user) end
  if now.alert ~= was.alert or now.assignee ~= was.assignee or now.to ~= was.to or now.counselor ~= was.counselor then
    for _, claim in ipairs(claims_on(user, was)) do call('ZREM', CLAIMS, claim) end
    add_claims(user, now)
  end
  if now.counselor ~= was.counselor then
    if was.counselor then call('ZREM', counselor_key(was.counselor), user) end
    if now.counselor then add_to_counselor(user, now.counselor) end
  end
end

-- The next users after an id, '' for the first ones, by the bytes of their ids; and the last of them, '' where there are no more.
local function names_after(after, limit)
  local users = get({}, 'ZRANGEBYLEX', BY_NAME, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
  return users, #users == limit and users[#users] or ''
end

-- Whether an ordering of the users has all of them.
local function is_indexed(key) return get(0, 'ZCARD', key) >= get(0, 'HLEN', USERS) end

-- Removes a list, and answers how many of it were visible.
local function drop_list(list, keys, rev, now)
  local count = visible(list, keys[list], rev, now)
  call('DEL', keys[list])
  return count
end

local function drop_topic(user, name)
  local removed, left = call('ZREM', topic_key(name), user), call('ZCARD', topic_key(name))
  if left == 0 then call('ZREM', VOCABULARY, name)
  elseif removed == 1 then call('ZADD', VOCABULARY, int(-left), name) end
end

local function drop_topics(user, keys)
  local names = call('HKEYS', keys.tally)
  for _, name in ipairs(names) do drop_topic(user, name) end
  call('DEL', keys.tally, keys.words)
  return #names
end

local function unindex(user)
  write_pending()
  records[user], saved[user] = false, nil
  call('HDEL', USERS, user)
  for _, key in ipairs({ BY_ACTIVE, BY_CREATED, BY_RISK, BY_NAME }) do call('ZREM', key, user) end
  for _, key in ipairs({ attention_key('WATCH'), attention_key('NEEDS_ATTENTION'), ALERTED }) do call('SREM', key, user) end
  call('ZREM', CLAIMS, claim_of(nil, user))
  for _, counselor in ipairs(get({}, 'SMEMBERS', COUNSELORS)) do
    call('ZREM', counselor_key(counselor), user)
    call('ZREM', CLAIMS, claim_of(counselor, user))
  end
end

-- Whatever the policies since the user was last met removed, goes now.
local function meet_policies(keys, record, now)
  local all = all_policies()
  if #all == 0 or all[#all].n <= record.rev then return end
  for i, list in ipairs({ 'conversations', 'emotions' }) do
    local count = visible(list, keys[list], record.rev, now)
    if count == 0 then call('DEL', keys[list]) else call('LTRIM', keys[list], 0, count - 1) end
    record.kept[i] = count
  end
end

local function drop_alert(id)
  for _, status in ipairs(STATUSES) do call('ZREM', alerts_key(status), id) end
  call('ZREM', DUE, id)
  return call('DEL', alert_key(id), history_key(id), aside_key(alert_key(id)), aside_key(history_key(id)))
end
