-- Clearing, expiry and erasure. The answers count what was visible at the event's acceptedAt: conversations, emotions, topics, alerts, keys.

local function cleared(event, n, keys)
  local record = load_user(event.user, keys)
  if not record then return { 'conflict' } end
  local conversations = drop_list('conversations', keys, record.rev, event.at)
  local emotions = drop_list('emotions', keys, record.rev, event.at)
  local topics = drop_topics(event.user, keys)
  for _, id in ipairs(call('LRANGE', keys.alerts, 0, -1)) do
    call('HDEL', alert_key(id), 'trigger')
  end
  record.rev, record.accepted, record.last = n, math.max(record.accepted, event.at), nil
  call('RPUSH', keys.entries, n)
  save_user(event.user, keys, record)
  return { 'applied', conversations, emotions, topics, 0, 0 }
end

-- The ids of the user's entries in the log. Where the list of them is lost although the newest must be in it, the log itself is asked.
local function entries_of(user, keys, record)
  local ids = {}
  for _, n in ipairs(call('LRANGE', keys.entries, 0, -1)) do
    if tonumber(n) then ids[#ids + 1] = n .. '-0' end
  end
  if #ids > 0 or not record or record.rev <= (tonumber(call('HGET', META, 'trimmed')) or 0) then return ids end
  for _, entry in ipairs(call('XRANGE', LOG, '-', '+')) do
    local fields = {}
    for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
    if fields.user == user and (fields.kind == 'recorded' or fields.kind == 'cleared') then ids[#ids + 1] = entry[1] end
  end
  return ids
end

-- Everything of the user goes, the payloads of its entries in the log too.
local function remove_user(event, keys, record)
  local removed = 0
  for _, key in pairs(keys) do removed = removed + call('EXISTS', key) end
  local conversations = drop_list('conversations', keys, record and record.rev or 0, event.at)
  local emotions = drop_list('emotions', keys, record and record.rev or 0, event.at)
  local topics = drop_topics(event.user, keys)
  local alerts = call('LRANGE', keys.alerts, 0, -1)
  for _, id in ipairs(alerts) do
    for _, status in ipairs(STATUSES) do call('ZREM', alerts_key(status), id) end
    removed = removed + call('DEL', alert_key(id), history_key(id), aside_key(alert_key(id)), aside_key(history_key(id)))
  end
  for _, entry in ipairs(entries_of(event.user, keys, record)) do call('XDEL', LOG, entry) end
  for _, key in pairs(keys) do
    removed = removed + call('DEL', aside_key(key))
    call('DEL', key)
  end
  unindex(event.user)
  return { 'applied', conversations, emotions, topics, #alerts, removed }
end

local function erased(event, _, keys)
  local record = load_user(event.user, keys)
  local time = math.max(event.at, record and record.accepted or 0, number_at(TOMBSTONES, event.mark) or 0)
  local answer = remove_user(event, keys, record)
  call('HSET', TOMBSTONES, event.mark, time)
  return answer
end

local function expired(event, n, keys)
  local record, days = load_user(event.user, keys), limits().profileDays
  if not record or days == 0 or (record.active or record.created) + days * DAY > event.at or (record.stripped or -1) >= event.at then
    return { 'conflict' }
  end
  if call('LLEN', keys.alerts) == 0 then
    local answer = remove_user(event, keys, record)
    call('HSET', EXPIRIES, event.mark, event.at)
    return answer
  end
  local conversations = drop_list('conversations', keys, record.rev, event.at)
  local emotions = drop_list('emotions', keys, record.rev, event.at)
  local topics = drop_topics(event.user, keys)
  record.rev, record.accepted, record.stripped = n, math.max(record.accepted, event.at), event.at
  save_user(event.user, keys, record)
  return { 'applied', conversations, emotions, topics, 0, 0 }
end
