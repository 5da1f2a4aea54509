-- append: applies events to the log and the state, in order.
-- ARGV[1] JSON {epoch, events: [{id, user, kind, at, occurred (ms), origin, seq, mark, body (JSON for the log, or for the list of conversations),
--   recorded: risk (rank), fingerprint (hex), point (JSON), topics, localTime (naive, for the predecessor)}]}
-- Answers for each event one of
--   {'stale'}  {'known', position}  {'gap', position}  {'dead', n, erasedAt}  {'conflict', n}  {'duplicate', n, alert}
--   {'applied', n, kept, alert}  {'applied', n, conversations, emotions, topics, alerts, keys}  {'applied', n}
local batch = cjson.decode(ARGV[1])

local APPLY = { recorded = recorded, cleared = cleared, expired = expired, erased = erased }

local function applied(event, n, told)
  if event.kind == 'policy' then
    call('RPUSH', POLICIES, string.format('{"n":%d,"at":%d,"limits":%s}', n, event.at, event.body))
    policies = nil
    return { 'applied' }
  end
  local tombstone = event.kind ~= 'erased' and number_at(TOMBSTONES, event.mark) or -1
  if event.at <= tombstone or event.occurred <= tombstone then return { 'dead', tombstone } end
  local keys = keys_of(event.user)
  return APPLY[event.kind](event, n, keys, told)
end

-- The index of the newest entry; the log itself tells where the number is lost.
local function newest_index()
  local n = number_at(META, 'n')
  if n then return n end
  local newest = call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
  return newest and tonumber(string.match(newest[1], '^%d+')) or 0
end

local function append(event)
  local position = number_at(POSITIONS, event.origin) or 0
  if event.seq <= position then return { 'known', position } end
  if event.seq > position + 1 then return { 'gap', position } end
  local n = newest_index() + 1
  call('HSET', META, 'n', n)
  call('HSET', POSITIONS, event.origin, event.seq)
  local told = {}
  local outcome = applied(event, n, told)
  local void = outcome[1] ~= 'applied'
  -- A void's user and payload are nobody's business any more; its place in the order is.
  call('XADD', LOG, n .. '-0', 'origin', event.origin, 'seq', event.seq, 'id', void and '' or event.id, 'user', void and '' or event.user,
    'kind', event.kind, 'at', event.at, 'occurred', event.occurred, 'fingerprint', void and '' or event.fingerprint or '',
    'body', void and '' or event.body, 'outcome', outcome[1], 'alerts', '[' .. table.concat(told, ',') .. ']')
  table.insert(outcome, 2, n)
  return outcome
end

if call('HGET', META, 'epoch') ~= batch.epoch then
  local stale = {}
  for i = 1, #batch.events do stale[i] = { 'stale' } end
  return stale
end
local outcomes = {}
for i, event in ipairs(batch.events) do outcomes[i] = append(event) end
return outcomes
