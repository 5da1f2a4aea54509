-- Clearing, expiry and erasure. The answers count what was visible at the event's acceptedAt: conversations, emotions, topics, alerts, keys.

local function dig_hole(n, origin, seq, chain)
  call('HSET', HOLES, n, string.format('%s %s %s', origin, seq, chain))
end

-- What the log says of an entry goes; its place in the order stays. `up_to`: unless that came after this time.
local function forget_entry(n, up_to)
  local entry = call('XRANGE', LOG, n .. '-0', n .. '-0')[1]
  if not entry then return end
  local fields = fields_of(entry)
  if not FORGOTTEN[fields.kind] then return end
  if up_to and math.min(tonumber(fields.at), tonumber(fields.occurred)) > up_to then return end
  dig_hole(n, fields.origin, fields.seq, fields.chain or '')
  call('XDEL', LOG, entry[1])
end

-- The payloads of the user's entries go. Where their list is lost, or begins after it was, the log itself has to be searched, which takes
-- too long for one script.
local function forget_entries(user, n, keys, up_to)
  local entries = call('LRANGE', keys.entries, 0, -1)
  if entries[1] == 'all' then table.remove(entries, 1)
  else call('HSET', FORGETTING, user, '0 ' .. int(n) .. (up_to and ' ' .. int(up_to) or '')) end
  for _, each in ipairs(entries) do forget_entry(each, up_to) end
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
  call('SREM', WANTED, user)
  call('SREM', PATCHED, user)
  return #alerts, removed
end

-- Everything of the user goes, the payloads of their entries in the log too.
local function remove_user(event, n, keys, record)
  local rev, was_there = record and record.rev or 0, record or is_there(keys)
  local conversations, emotions = visible('conversations', keys.conversations, rev, event.at), visible('emotions', keys.emotions, rev, event.at)
  local topics, listed = get(0, 'HLEN', keys.tally), redis.call('EXISTS', keys.tally, keys.words)
  local alerts, removed = drop_user(event.user, keys)
  if was_there or get(false, 'HGET', META, 'unlisted') then forget_entries(event.user, n, keys) end
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
