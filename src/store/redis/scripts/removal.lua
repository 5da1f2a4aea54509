-- Clearing, expiry and erasure. The answers count what was visible at the event's acceptedAt: conversations, emotions, topics, alerts, keys.

local function dig_hole(n, origin, seq, chain)
  call('HSET', HOLES, n, string.format('%s %s %s', origin, seq, chain))
end

-- What the log says of an entry goes; its place in the order stays.
local function forget_entry(n)
  local entry = call('XRANGE', LOG, n .. '-0', n .. '-0')[1]
  if not entry then return end
  local fields = fields_of(entry)
  if fields.kind ~= 'recorded' and fields.kind ~= 'cleared' then return end
  dig_hole(n, fields.origin, fields.seq, fields.chain or '')
  call('XDEL', LOG, entry[1])
end

-- Where the list of the user's entries is lost, or begins after it was, the log itself is asked.
local function entries_of(user, keys)
  local found = call('LRANGE', keys.entries, 0, -1)
  if found[1] == 'all' then
    table.remove(found, 1)
    return found
  end
  local next_id = '-'
  while next_id do
    local entries = call('XRANGE', LOG, next_id, '+', 'COUNT', 1000)
    for _, entry in ipairs(entries) do
      if fields_of(entry).user == user then found[#found + 1] = string.match(entry[1], '^%d+') end
    end
    next_id = #entries == 1000 and '(' .. entries[1000][1]
  end
  return found
end

local function drop_alert(id)
  for _, status in ipairs(STATUSES) do call('ZREM', alerts_key(status), id) end
  return call('DEL', alert_key(id), history_key(id), aside_key(alert_key(id)), aside_key(history_key(id)))
end

-- What only a search finds of a user whose own keys do not tell (any more).
local function drop_strays(user)
  for _, name in ipairs(get({}, 'ZRANGE', VOCABULARY, 0, -1)) do drop_topic(user, name) end
  for _, status in ipairs(STATUSES) do
    for _, id in ipairs(get({}, 'ZRANGE', alerts_key(status), 0, -1)) do
      if get(false, 'HGET', alert_key(id), 'user') == user then drop_alert(id) end
    end
  end
end

-- Everything of the user but their entries in the log. Answers how many alerts and keys went.
local function drop_user(user, keys)
  local record, _, broken = load_user(user, keys)
  if broken or record and not fits(keys, record) then drop_strays(user) end
  local removed, alerts = 0, call('LRANGE', keys.alerts, 0, -1)
  for _, id in ipairs(alerts) do removed = removed + drop_alert(id) end
  drop_topics(user, keys)
  for name, key in pairs(keys) do
    if name ~= 'entries' then
      removed = removed + call('DEL', key)
      call('DEL', aside_key(key))
    end
  end
  unindex(user)
  return #alerts, removed
end

-- Everything of the user goes, the payloads of their entries in the log too.
local function remove_user(event, keys, record)
  local rev = record and record.rev or 0
  local conversations, emotions = visible('conversations', keys.conversations, rev, event.at), visible('emotions', keys.emotions, rev, event.at)
  local topics, listed = get(0, 'HLEN', keys.tally), redis.call('EXISTS', keys.tally, keys.words)
  local alerts, removed = drop_user(event.user, keys)
  for _, n in ipairs(entries_of(event.user, keys)) do forget_entry(n) end
  removed = removed + listed + call('DEL', keys.entries)
  call('DEL', aside_key(keys.entries))
  return { 'applied', conversations, emotions, topics, alerts, removed }
end

-- Lists and topics go; the user stays.
local function empty_user(event, keys, record)
  local conversations = drop_list('conversations', keys, record.rev, event.at)
  local emotions = drop_list('emotions', keys, record.rev, event.at)
  local topics = drop_topics(event.user, keys)
  record.kept[1], record.kept[2], record.kept[3], record.deadlines = 0, 0, 0, { 0, 0 }
  return { 'applied', conversations, emotions, topics, 0, 0 }
end

local function cleared(event, n, keys, record)
  if not record then return { 'conflict' } end
  local answer, was = empty_user(event, keys, record), indexed(record)
  for _, id in ipairs(call('LRANGE', keys.alerts, 0, -1)) do
    call('HDEL', alert_key(id), 'trigger')
  end
  record.rev, record.accepted, record.last = n, math.max(record.accepted, event.at), nil
  call('RPUSH', keys.entries, n)
  save_user(event.user, keys, record, was)
  return answer
end

local function erased(event, _, keys)
  local record = load_user(event.user, keys)
  local time = math.max(event.at, record and record.accepted or 0, number_at(TOMBSTONES, event.mark) or 0)
  local answer = remove_user(event, keys, record)
  call('HSET', TOMBSTONES, event.mark, time)
  return answer
end

local function expired(event, n, keys, record)
  local days = limits().profileDays
  if not record or days == 0 or (record.active or record.created) + days * DAY > event.at or (record.stripped or -1) >= event.at then
    return { 'conflict' }
  end
  if record.kept[5] == 0 then
    local answer = remove_user(event, keys, record)
    call('HSET', EXPIRIES, event.mark, event.at)
    return answer
  end
  local answer = empty_user(event, keys, record)
  record.rev, record.accepted, record.stripped = n, math.max(record.accepted, event.at), event.at
  save_user(event.user, keys, record, indexed(record))
  return answer
end
