-- A conversation: lists, points, topics, counters, alert, and the memory of its id.

-- What is remembered of an id, {fingerprint, alert}, while it counts as known: for 7 days by acceptedAt, and at least the newest 1,000.
local function remembered(keys, id, at)
  local accepted, fingerprint, alert = string.match(call('HGET', keys.seen, id) or '', '^(%d+) (%x+) (%x*)$')
  if not accepted then return nil end
  if tonumber(accepted) < at - WEEK and (call('ZREVRANK', keys.ids, id) or math.huge) >= 1000 then return nil end
  return { fingerprint = fingerprint, alert = alert }
end

local function add_point(record, event)
  local last = record.last or {}
  local i = 1
  while last[i] and newer(last[i][1], last[i][2], event.occurred, event.id) do i = i + 1 end
  table.insert(last, i, { event.occurred, event.id, event.risk })
  last[4] = nil
  record.last = last
end

local function add_topics(event, keys)
  for _, name in ipairs(event.topics) do
    local count, first, final = string.match(call('HGET', keys.tally, name) or '', '^(%d+) (%d+) (%d+)$')
    if not count then
      call('SADD', keys.words, name)
      if call('ZADD', topic_key(name), 0, event.user) == 1 then call('ZINCRBY', VOCABULARY, -1, name) end
      count, first, final = 0, event.occurred, event.occurred
    end
    call('HSET', keys.tally, name, string.format('%d %d %d', count + 1, math.min(first, event.occurred), math.max(final, event.occurred)))
  end
end

local function add_item(list, key, event, element)
  local days, cap = limits()[list .. 'Days'], limits()[list]
  if days > 0 and event.occurred < event.at - days * DAY then return false end
  local before = insert(key, event.occurred, event.id, element, cap)
  if before == 0 then expire_after(key, event.occurred, days) end
  return before ~= nil
end

local function recorded(event, n, keys, told)
  local known = remembered(keys, event.id, event.at)
  if known then
    if known.fingerprint == event.fingerprint then return { 'duplicate', known.alert } end
    return { 'conflict' }
  end
  local record = load_user(event.user, keys)
  local was = record and indexed(record)
  if record then
    meet_policies(keys, record, event.at)
  else
    record = { chats = 0, risks = 0, raised = 0, created = math.huge, accepted = event.at }
  end
  if event.occurred < record.created then
    record.created = event.occurred
    call('HSET', keys.profile, 'created_at', event.localTime)
  end
  if not record.active or event.occurred > record.active then
    record.active = event.occurred
    call('HSET', keys.profile, 'last_active', event.localTime)
  end
  record.rev, record.accepted, record.chats = n, math.max(record.accepted, event.at), record.chats + 1
  local kept = add_item('conversations', keys.conversations, event, event.body)
  add_item('emotions', keys.emotions, event, event.point)
  add_point(record, event)
  add_topics(event, keys)
  local alert = ''
  if event.risk >= 2 then
    record.risks = record.risks + 1
    if event.at - event.occurred <= DAY then alert = signal(event, record, keys, told) end
  end
  call('HSET', keys.seen, event.id, string.format('%d %s %s', event.at, event.fingerprint, alert))
  call('ZADD', keys.ids, event.at, event.id)
  call('RPUSH', keys.entries, n)
  save_user(event.user, keys, record, was)
  return { 'applied', kept and 1 or 0, alert }
end
