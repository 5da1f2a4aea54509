-- chains: the chain of the log at some indexes. ARGV[1] JSON {epoch, ns}. Answers {'stale'} or {'ok', chain or false, …}: false where the log does not tell (any more).
local request = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', META, 'epoch', 'n', 'chain', 'trimmed', 'trimmedChain')
if meta[1] ~= request.epoch then return { 'stale' } end

local function chain_at(n)
  if n == tonumber(meta[2]) then return meta[3] or '' end
  if n == tonumber(meta[4]) then return meta[5] or '' end
  if n < tonumber(meta[4]) or n > tonumber(meta[2]) then return false end
  local id = string.format('%d-0', n)
  local entry = get({}, 'XRANGE', LOG, id, id)[1]
  if entry then return fields_of(entry).chain or '' end
  return string.match(get(false, 'HGET', HOLES, string.format('%d', n)) or '', ' (%x*)$') or false
end

local answer = { 'ok' }
for i, n in ipairs(request.ns) do answer[i + 1] = chain_at(n) end
return answer
