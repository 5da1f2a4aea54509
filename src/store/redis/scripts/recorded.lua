-- A conversation: lists, points, topics, counters, alert, and the memory of its id.

-- Names an event for ever: the same one may come again, when Redis was filled with what it made of it, or went back.
local function source_of(event) return int(event.seq) .. ' ' .. event.origin end

-- What is remembered of an id, {fingerprint, alert, source}, while it counts as known: for 7 days by acceptedAt, and at least the newest 1,000.
local function remembered(keys, id, at)
  local accepted, fingerprint, alert, source = string.match(call('HGET', keys.seen, id) or '', '^(%d+) (%x+) (%x*) ?(.*)$')
  if not accepted then return nil end
  if tonumber(accepted) < at - WEEK then
    write_pending()
    if (call('ZREVRANK', keys.ids, id) or math.huge) >= 1000 then return nil end
  end
  return { fingerprint = fingerprint, alert = alert, source = source }
end

local function add_point(record, event)
  local last = record.last or {}
  local i = 1
  while last[i] and newer(last[i][1], last[i][2], event.occurred, event.id) do i = i + 1 end
  table.insert(last, i, { event.occurred, event.id, event.risk })
  last[4] = nil
  record.last = last
end

local function add_topics(event, keys, record)
  local names = event.topics
  if #names == 0 then return end
  local found, tallies = call('HMGET', keys.tally, unpack(names)), {}
  for i, name in ipairs(names) do
    local count, first, final = string.match(found[i] or '', '^(%d+) (%d+) (%d+)$')
    if not count then
      call('SADD', keys.words, name)
      if call('ZADD', topic_key(name), '0', event.user) == 1 then call('ZINCRBY', VOCABULARY, '-1', name) end
      count, first, final = 0, event.occurred, event.occurred
    end
    tallies[2 * i - 1] = name
    tallies[2 * i] = string.format('%d %d %d', count + 1, math.min(first, event.occurred), math.max(final, event.occurred))
  end
  record.kept[3] = record.kept[3] + call('HSET', keys.tally, unpack(tallies))
end

local LISTS = { conversations = 1, emotions = 2 }

-- What the predecessor reads, as the last of several events leaves it. `active`: the naive time of the newest of all conversations.
local function write_profile(keys, record, active)
  local arguments = pending[keys.profile] or { 'HSET', keys.profile, 'total_chats', '', 'total_risk_alerts', '' }
  arguments[4], arguments[6] = int(record.chats), int(record.risks)
  if active then arguments[7], arguments[8] = 'last_active', active end
  pending[keys.profile] = arguments
end

-- What is remembered of the event's id.
local function memory_of(event, alert)
  return string.format('%d %s %s %s', event.at, event.fingerprint or '0', alert, source_of(event))
end

local function add_item(list, keys, record, event, element, is_newest)
  local days, cap, i = limits()[list .. 'Days'], limits()[list], LISTS[list]
  if days > 0 and event.occurred < event.at - days * DAY then return false end
  local before, length = insert(keys[list], record.kept[i], event.occurred, event.id, element, cap, is_newest)
  record.kept[i] = length
  if before == 0 then record.deadlines[i] = expire_after(keys[list], event.occurred, days, length > 1 and record.deadlines[i] or 0) end
  return before ~= nil
end

-- One whose id is known. The very same event, which may have got another origin, or a duplicate changes nothing, but the log needs it: others may not have
-- it yet, and in another order the duplicate may be the first.
local function came_before(event, n, keys, record, known, told)
  local is_same = known.source == source_of(event) or known.source == event.formerly
  if not is_same and event.fingerprint and event.fingerprint ~= known.fingerprint then return { 'conflict' } end
  if is_same and known.alert ~= '' then tell_again(told, event, known.alert) end
  local was = record and indexed(record)
  if record then
    meet_policies(keys, record, event.at)
    record.rev, record.accepted = n, math.max(record.accepted, event.at)
    add_later('RPUSH', keys.entries, int(n))
    save_user(event.user, keys, record, was)
  end
  if not is_same then return { 'duplicate', known.alert } end
  return { 'applied', 1, known.alert }
end

-- What a conversation says of the risk that somebody is at, by itself or as the last of several. Answers the alert.
local function sign_of(event, record, keys, told, before)
  if event.at - event.occurred > DAY then return event.late and late_signal(event, record, keys, told) or '' end
  if event.risk >= 2 then return signal(event, record, keys, told, event.risk) end
  local day = math.floor(event.at / DAY)
  local turns = before ~= 'NEEDS_ATTENTION' and attention(record) == 'NEEDS_ATTENTION'
  if not turns or record.alert or record.trend == day then return '' end
  record.trend = day
  return signal(event, record, keys, told, 2, 'attention has turned to NEEDS_ATTENTION')
end

local function new_record(event, keys)
  if not get(false, 'HGET', META, 'unlisted') then call('RPUSH', keys.entries, 'all') end
  return { chats = 0, risks = 0, raised = 0, created = math.huge, accepted = event.at, since = math.huge, kept = { 0, 0, 0, 0, 0 }, deadlines = { 0, 0 } }
end

-- Changes what is known of a source, and the totals, in which it stands for what it had counted, or for what came of it one by one where that is more.
local function change_source(record, name, change)
  record.sources = record.sources or {}
  local source = record.sources[name] or { 0, 0, 0, 0 }
  local chats, risks = math.max(source[1], source[3]), math.max(source[2], source[4])
  change(source)
  record.sources[name] = source
  record.chats = record.chats + math.max(source[1], source[3]) - chats
  record.risks = record.risks + math.max(source[2], source[4]) - risks
end

-- One conversation more; of those of another system, as far as it had not counted them itself.
local function count_one(record, event)
  local risks = event.risk >= 2 and 1 or 0
  if event.source then
    change_source(record, event.source, function(source) source[3], source[4] = source[3] + 1, source[4] + risks end)
  else
    record.chats, record.risks = record.chats + 1, record.risks + risks
  end
end

local function recorded(event, n, keys, record, told)
  -- Mostly the id is new, and there is no alert that would go with it.
  local is_new = event.risk < 2 and call('HSETNX', keys.seen, event.id, memory_of(event, '')) == 1
  local known = not is_new and remembered(keys, event.id, event.at)
  if known then return came_before(event, n, keys, record, known, told) end
  local was = record and indexed(record)
  if record then
    meet_policies(keys, record, event.at)
  else
    record = new_record(event, keys)
  end
  local is_newest = not record.active or event.occurred > record.active
  if event.occurred < record.created then
    record.created = event.occurred
    call('HSET', keys.profile, 'user_id', event.user, 'created_at', event.localTime)
  end
  record.rev, record.accepted = n, math.max(record.accepted, event.at)
  count_one(record, event)
  record.since = math.min(record.since or 0, event.at, event.occurred)
  local kept, before = false, attention(record)
  if not event.countsOnly then
    kept = add_item('conversations', keys, record, event, event.body, is_newest)
    -- What another system had may be newer than that the user was active.
    add_item('emotions', keys, record, event, event.point, is_newest and not record.sources)
    add_point(record, event)
    add_topics(event, keys, record)
  end
  local alert = sign_of(event, record, keys, told, before)
  if is_new then record.kept[4] = record.kept[4] + 1 end
  if not is_new or alert ~= '' then record.kept[4] = record.kept[4] + call('HSET', keys.seen, event.id, memory_of(event, alert)) end
  add_later('ZADD', keys.ids, int(event.at), event.id)
  add_later('RPUSH', keys.entries, int(n))
  if is_newest then record.active = event.occurred end
  write_profile(keys, record, is_newest and event.localTime)
  save_user(event.user, keys, record, was)
  return { 'applied', kept and 1 or 0, alert }
end
