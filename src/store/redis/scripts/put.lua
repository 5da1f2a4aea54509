-- Puts users into Redis as another store describes them. What is to be written comes as texts, in the order in which it is taken here (put.ts).

local texts, cursor = ARGV, 1
local function take()
  cursor = cursor + 1
  return texts[cursor]
end

-- As many arguments as one command is given at most: Lua's stack is not endless.
local MOST = 1000

-- The next `count` arguments, as the last ones of a command on a key that is not there.
local function with_next(count, command, key)
  for first = cursor + 1, cursor + count, MOST do
    redis.call(command, key, unpack(texts, first, math.min(first + MOST - 1, cursor + count)))
  end
  cursor = cursor + count
end

local function put_alert(keys)
  local id, status, sort, fields = take(), take(), take(), tonumber(take())
  call('DEL', alert_key(id), history_key(id))
  with_next(fields, 'HSET', alert_key(id))
  local events = tonumber(take())
  with_next(events, 'RPUSH', history_key(id))
  call('HSET', alert_key(id), 'told', events)
  call('RPUSH', keys.alerts, id)
  call('ZADD', alerts_key(status), sort, id)
  call('ZADD', DUE, take(), id)
end

local topics = {}

local function write_all()
  write_pending()
  for name, members in pairs(topics) do
    local added = call('ZADD', topic_key(name), unpack(members))
    if added > 0 then call('ZINCRBY', VOCABULARY, -added, name) end
  end
  topics = {}
end

-- Fills a list, which comes with the time of its newest item. Sets its expiry as an event would, and answers the deadline.
local function put_list(key, list)
  local count, newest, days = tonumber(take()), tonumber(take()), limits()[list .. 'Days']
  with_next(count, 'RPUSH', key)
  return count > 0 and days > 0 and expire_after(key, newest, days, 0) or 0
end

-- Puts one user, who is not there.
local function put_user(user, keys)
  local text, created, active, risk, attention_level, alerted, patched, counselor = take(), take(), take(), take(), take(), take(), take(), take()
  local assignee, to = take(), names_in(take())
  redis.call('HSET', keys.profile, 'user_id', user, 'created_at', take(), 'last_active', take(), 'total_chats', take(), 'total_risk_alerts', take())
  local deadlines = { put_list(keys.conversations, 'conversations'), put_list(keys.emotions, 'emotions') }
  -- The record ends with them.
  text = string.gsub(text, '%[0,0%]}$', string.format('[%d,%d]}', deadlines[1], deadlines[2]))
  local names = tonumber(take())
  for i = cursor + 1, cursor + names do
    local members = topics[texts[i]] or {}
    topics[texts[i]] = members
    members[#members + 1], members[#members + 2] = '0', user
  end
  with_next(names, 'SADD', keys.words)
  with_next(2 * names, 'HSET', keys.tally)
  local ids = 2 * tonumber(take())
  with_next(ids, 'HSET', keys.seen)
  with_next(ids, 'ZADD', keys.ids)
  for _ = 1, tonumber(take()) do put_alert(keys) end
  records[user] = text
  set_later('HSET', USERS, user, text)
  set_later('ZADD', BY_NAME, user, '0')
  set_later('ZADD', BY_CREATED, user, created)
  set_later('ZADD', BY_ACTIVE, user, active)
  set_later('ZADD', BY_RISK, user, risk)
  if attention_level ~= 'NONE' then add_later('SADD', attention_key(attention_level), user) end
  if alerted == '1' then
    add_later('SADD', ALERTED, user)
    add_claims(user, { alert = true, counselor = counselor ~= '' and counselor or nil, assignee = assignee ~= '' and assignee or nil, to = to })
  end
  if patched == '1' then add_later('SADD', PATCHED, user) end
  if counselor ~= '' then add_to_counselor(user, counselor) end
end
