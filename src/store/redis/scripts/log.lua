-- log: entries after an index. ARGV[1] JSON {epoch, after, limit}. Answers {'stale'}, {'expired'} when the log was trimmed beyond it,
-- or {'ok', n, entries as XRANGE gives them}; an index without an entry was erased.
local request = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', META, 'epoch', 'n', 'trimmed')
if meta[1] ~= request.epoch then return { 'stale' } end
-- Beyond the newest index: the log was restored from an earlier time, and what the reader has seen of it is not to be had any more.
if request.after < tonumber(meta[3]) or request.after > tonumber(meta[2]) then return { 'expired' } end
local last = math.min(tonumber(meta[2]), request.after + request.limit)
if last <= request.after then return { 'ok', last, {} } end
return { 'ok', last, get({}, 'XRANGE', LOG, string.format('%d-0', request.after + 1), string.format('%d-0', last)) }
