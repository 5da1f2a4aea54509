-- log: entries after a place. ARGV[1] JSON {epoch, after: {epoch, n}, limit, told}. Answers {'stale'}, {'expired'} when the log does not reach there,
-- or {'ok', from, to, entries as XRANGE gives them, holes: index, text, …}: those after `from` up to `to`. With `told` the entries are
-- {index, origin, seq, alert events (JSON), formerly} of those that have any, and the chains of all come instead of the holes.
local MAX_PAGE = 1000000
local STEP = 20
local request = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', META, 'epoch', 'n', 'trimmed')
if meta[1] ~= request.epoch then return { 'stale' } end

-- The index in the present epoch: of a place in an earlier one, where the log forked from it at the latest. nil: not known, or the log was
-- rolled back on purpose since.
local function index_of(place)
  if place.epoch == meta[1] then return place.n end
  local n
  for _, text in ipairs(get({}, 'LRANGE', LINEAGE, 0, -1)) do
    local fork = parse(text) or {}
    if n and string.find(tostring(fork.epoch), '^rollback%-') then return nil end
    if n then n = math.min(n, tonumber(fork.n) or 0) end
    if fork.epoch == place.epoch then n = place.n end
  end
  return n
end

local from = index_of(request.after)
-- Beyond the newest index: the log was restored from an earlier time, and what the reader has seen of it is not to be had any more.
if not from or from < tonumber(meta[3]) or from > tonumber(meta[2]) then return { 'expired' } end
local last = math.min(tonumber(meta[2]), from + request.limit)
if last <= from then return { 'ok', from, from, {}, {} } end
-- Long texts make a page short: it has to arrive before anybody's patience ends, and no more than that is read.
local entries, size, to = {}, 0, from
while to < last and size <= MAX_PAGE do
  local upto = math.min(last, to + STEP)
  for _, entry in ipairs(get({}, 'XRANGE', LOG, string.format('%d-0', to + 1), string.format('%d-0', upto))) do
    if size <= MAX_PAGE then
      entries[#entries + 1] = entry
      for _, text in ipairs(entry[2]) do size = size + #text end
      if size > MAX_PAGE then upto = tonumber(string.match(entry[1], '^%d+')) end
    end
  end
  to = upto
end
local holes = {}
if #entries < to - from then
  local found = {}
  for _, entry in ipairs(entries) do found[entry[1]] = true end
  for n = from + 1, to do
    if not found[string.format('%d-0', n)] then
      local hole = get(false, 'HGET', HOLES, string.format('%d', n))
      -- Somebody else has trimmed the log.
      if not hole then return { 'expired' } end
      holes[#holes + 1], holes[#holes + 2] = n, hole
    end
  end
end
if not request.told then return { 'ok', from, to, entries, holes } end
local told, chains = {}, {}
for n = from + 1, to do chains[n - from] = '' end
for i = 1, #holes, 2 do chains[holes[i] - from] = string.match(holes[i + 1], ' (%x*)$') or '' end
for _, entry in ipairs(entries) do
  local fields, n = fields_of(entry), tonumber(string.match(entry[1], '^%d+'))
  chains[n - from] = fields.chain or ''
  if fields.alerts and fields.alerts ~= '[]' then told[#told + 1] = { n, fields.origin, fields.seq, fields.alerts, fields.formerly or '' } end
end
return { 'ok', from, to, told, chains }
