-- trim: takes entries accepted before `before` off the head of the log, at most 500 a call. ARGV[1] JSON {epoch, before (ms)}. Answers how many,
-- those included that were erased before.
local request = cjson.decode(ARGV[1])
if redis.call('HGET', META, 'epoch') ~= request.epoch then return 0 end
local last, chain
for _, entry in ipairs(get({}, 'XRANGE', LOG, '-', '+', 'COUNT', 500)) do
  local fields = fields_of(entry)
  if (tonumber(fields.at) or 0) >= request.before then break end
  last, chain = tonumber(string.match(entry[1], '^%d+')), fields.chain or ''
end
if not last then return 0 end
local trimmed = tonumber(redis.call('HGET', META, 'trimmed'))
redis.call('HSET', META, 'trimmed', last, 'trimmedChain', chain)
redis.call('XTRIM', LOG, 'MINID', string.format('%d-0', last + 1))
if redis.call('HLEN', HOLES) > 0 then
  for n = trimmed + 1, last do redis.call('HDEL', HOLES, n) end
end
return last - trimmed
