-- upgrade: brings a data set to format 3. Of format 1 the log has no chain and no lineage; formats 1 and 2 keep the ids of each user twice.
-- ARGV[1] JSON {epoch}: a new one, so that whoever writes an older format stops.
local meta = redis.call('HMGET', META, 'format', 'epoch', 'n')
if meta[1] ~= '1' and meta[1] ~= '2' then return 0 end
redis.call('HSET', META, 'format', 3)
-- What is still being filled has no epoch yet.
if not meta[2] then return 1 end
if meta[1] == '1' then
  redis.call('DEL', LINEAGE)
  redis.call('RPUSH', LINEAGE, cjson.encode({ epoch = meta[2], n = 0 }))
  redis.call('HSET', META, 'chain', '', 'trimmedChain', '')
end
local to = cjson.decode(ARGV[1]).epoch
redis.call('RPUSH', LINEAGE, cjson.encode({ epoch = to, n = tonumber(meta[3]) }))
redis.call('HSET', META, 'epoch', to)
return 1
