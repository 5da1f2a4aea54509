-- append: applies events to the log and the state, in order.
-- ARGV[1] JSON {epoch, asOf (absent, or an index: stale where something newer is known of a user, or nothing is any more), events: [{id, user, kind, at, occurred (ms), origin, seq, mark, formerly ("seq origin"),
--   recorded: risk (rank), fingerprint (hex), topics, localTime (naive, for the predecessor), late (an alert is asked for all the same); source (of those taken over from another system), countsOnly (nothing of it is listed);
--   adopted: source, chats, risks, created, createdTime (naive), active, activeTime, topics: [{name, id}], points: [{id, occurred, risk (rank), element (JSON for the list of emotions)}];
--   erased: upTo (ms), where it was applied before}]}
-- ARGV[2] MessagePack: of each event its body (JSON for the log, and for the list of conversations) and its point (JSON for the list of emotions)
-- Answers for each event one of
--   {'stale'}  {'known', position}  {'gap', position}  {'damaged'}
-- or its outcome, index, chain and alert events (JSON) in the log, and what else there is to say:
--   {'dead', …, erasedAt}  {'conflict', …}  {'duplicate', …, alert}  {'erased', …}
--   {'applied', …, kept or carried out, alert}  {'applied', …, conversations, emotions, topics, alerts, keys}  {'applied', …}
local batch, texts = cjson.decode(ARGV[1]), cmsgpack.unpack(ARGV[2])

local APPLY = { recorded = recorded, adopted = adopted, cleared = cleared, expired = expired, erased = erased, acted = acted, assigned = assigned }
-- Events that need what is kept of their user.
local NEEDS_USER = { recorded = true, adopted = true, cleared = true, expired = true, acted = true, assigned = true }
-- Events that may change an alert.
local CONCERNS_ALERT = { recorded = true, acted = true, assigned = true }

-- Where the log stands. What this batch changes of it is written once, at its end.
local n, chain
local positions = {}
-- The event that has its index, but no entry in the log yet; and where the log stood before it.
local taking

-- The log itself tells the newest index where the note of it is lost.
local function load_head()
  local found = call('HMGET', META, 'n', 'chain')
  n, chain = tonumber(found[1] or nil), found[2] or ''
  if n then return end
  local newest = call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
  n = newest and tonumber(string.match(newest[1], '^%d+')) or 0
  chain = newest and fields_of(newest).chain or ''
end

local function save_head()
  call('HSET', META, 'n', int(n), 'chain', chain)
  for origin, position in pairs(positions) do call('HSET', POSITIONS, origin, int(position.seq)) end
end

local function position_of(origin)
  if not positions[origin] then positions[origin] = { seq = number_at(POSITIONS, origin) or 0 } end
  return positions[origin]
end

-- mark -> the time of an erasure, where that is known already
local tombstones = {}

-- What is known of all the users: one question instead of one for each event.
local function look_up(events)
  local users, marks = {}, {}
  for i, event in ipairs(events) do users[i], marks[i] = event.user, event.mark end
  local texts, times = get({}, 'HMGET', USERS, unpack(users)), call('HMGET', TOMBSTONES, unpack(marks))
  for i, user in ipairs(users) do records[user], tombstones[marks[i]] = texts[i], times[i] end
end

local function tombstone_of(event)
  return NEEDS_USER[event.kind] and tonumber(tombstones[event.mark] or nil) or -1
end

local function is_dead(event, tombstone) return event.at <= tombstone or event.occurred <= tombstone end

-- The user that an event is about, and whether what is kept of them does not fit together.
local function user_of(event, keys)
  local record = saved[event.user]
  if not record then
    local found, _, broken = load_user(event.user, keys)
    if broken or found and not fits(keys, found) then return found, true end
    record = found
  end
  if not record or not CONCERNS_ALERT[event.kind] or event.kind == 'recorded' and event.risk < 2 then return record, false end
  local alert = alert_concerned(event, keys, record)
  if alert and not is_whole(alert) then return record, true end
  return record, false
end

local function applied(event, keys, record, tombstone, told)
  if event.kind == 'void' then return { 'erased' } end
  if event.kind == 'policy' then
    local function has(here, there)
      if type(here) ~= 'table' or type(there) ~= 'table' then return here == there end
      if #here ~= #there then return false end
      for name, value in pairs(there) do if not has(here[name], value) then return false end end
      return true
    end
    local limits = cjson.decode(event.body)
    for _, text in ipairs(get({}, 'LRANGE', POLICIES, 0, -1)) do
      local policy = parse(text)
      -- The very same, come again, is no newer than it was. An old one may not name every limit.
      if policy and policy.at == event.at and has(limits, policy.limits) then return { 'applied' } end
    end
    local text = string.format('{"n":%d,"at":%d,"limits":%s}', n, event.at, event.body)
    call('RPUSH', POLICIES, text)
    policies, taking.policy = nil, text
    return { 'applied' }
  end
  if event.kind == 'joined' then
    raise_member(string.format('{"at":%d,', event.at) .. string.sub(event.body, 2))
    return { 'applied' }
  end
  if is_dead(event, tombstone) then return { 'dead', tombstone } end
  local outcome = APPLY[event.kind](event, n, keys, record, told)
  if event.kind == 'erased' then
    local body = cjson.decode(event.body)
    body.upTo = number_at(TOMBSTONES, event.mark)
    tombstones[event.mark], event.body = body.upTo, cjson.encode(body)
  end
  return outcome
end

local function append(event)
  local position = position_of(event.origin)
  if event.seq <= position.seq then return { 'known', position.seq } end
  if event.seq > position.seq + 1 then return { 'gap', position.seq } end
  -- Others than conversations read what those before them may have left to be written.
  if event.kind ~= 'recorded' then write_pending() end
  local tombstone, keys, record, damaged = tombstone_of(event), keys_of(event.user), nil, false
  if NEEDS_USER[event.kind] and not is_dead(event, tombstone) then record, damaged = user_of(event, keys) end
  if damaged then return { 'damaged' } end
  taking = { event = event, n = n, chain = chain, was_known = records[event.user], writes = writes }
  n, chain, position.seq = n + 1, redis.sha1hex(chain .. '\0' .. event.origin .. '\0' .. int(event.seq)), event.seq
  local told = {}
  local outcome = applied(event, keys, record, tombstone, told)
  local alerts = '[' .. table.concat(told, ',') .. ']'
  -- A void's user and payload are nobody's business any more; its place in the order is. A duplicate is none: in another order it may be the first.
  local void = outcome[1] ~= 'applied' and not (outcome[1] == 'duplicate' and (event.kind == 'recorded' or event.kind == 'adopted'))
  local entry = { LOG, int(n) .. '-0', 'origin', event.origin, 'seq', int(event.seq), 'chain', chain, 'id', void and '' or event.id, 'user', void and '' or event.user,
    'kind', event.kind, 'at', int(event.at), 'occurred', int(event.occurred), 'fingerprint', void and '' or event.fingerprint or '',
    'body', void and '' or event.body, 'outcome', outcome[1], 'alerts', alerts }
  if not void and event.formerly then entry[#entry + 1], entry[#entry + 2] = 'formerly', event.formerly end
  call('XADD', unpack(entry))
  taking = nil
  return { outcome[1], n, chain, alerts, unpack(outcome, 2) }
end

-- An event that failed has no place in the order. Where something of it was done, nobody knows any more what is here of its user: they have to be put
-- back before it is tried again; one who was not known before goes.
local function take_back(is_half_done)
  local event, index = taking.event, n
  n, chain, position_of(event.origin).seq = taking.n, taking.chain, event.seq - 1
  if taking.policy then call('LREM', POLICIES, -1, taking.policy) end
  if event.user == '' or not is_half_done then return end
  local keys = keys_of(event.user)
  call('LREM', keys.entries, -1, int(index))
  if taking.was_known then
    call('HDEL', USERS, event.user)
  else
    drop_user(event.user, keys)
    call('DEL', keys.entries)
  end
end

local function is_stale()
  if call('HGET', META, 'epoch') ~= batch.epoch then return true end
  load_head()
  look_up(batch.events)
  for _, event in ipairs(batch.asOf and batch.events or {}) do
    local record = parse(records[event.user] or '')
    -- Whoever was there then and is not any more has been erased, or has expired.
    if not record or (tonumber(record.rev) or 0) > batch.asOf then return true end
  end
  return false
end

local outcomes = {}
if is_stale() then
  for i = 1, #batch.events do outcomes[i] = { 'stale' } end
  return outcomes
end
local ok, failure = pcall(function()
  for i, event in ipairs(batch.events) do
    event.body, event.point = texts[2 * i - 1], texts[2 * i]
    if event.kind == 'acted' or event.kind == 'assigned' then event.payload = payload_of(event.body) end
    outcomes[i] = append(event)
  end
end)
local is_half_done = taking and writes > taking.writes
local written, trouble = pcall(write_pending)
if not ok and taking then pcall(take_back, is_half_done) end
if not ok then
  pcall(function()
    -- Somebody has set the note of the newest index back: no entry can be written under one that the log has already.
    local newest = call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
    local index = newest and tonumber(string.match(newest[1], '^%d+')) or 0
    if index > n then n, chain = index, fields_of(newest).chain or '' end
  end)
end
save_head()
if not ok or not written then error(failure or trouble) end
return outcomes
