-- upgrade: brings a data set of format 1, whose log has no chain and no lineage, to format 2. ARGV[1] JSON {epoch}: a new one, so that
-- whoever writes format 1 stops.
if redis.call('HGET', META, 'format') ~= '1' then return 0 end
local from, to = redis.call('HMGET', META, 'epoch', 'n'), cjson.decode(ARGV[1]).epoch
redis.call('DEL', LINEAGE)
redis.call('RPUSH', LINEAGE, cjson.encode({ epoch = from[1], n = 0 }), cjson.encode({ epoch = to, n = tonumber(from[2]) }))
redis.call('HSET', META, 'format', 2, 'epoch', to, 'chain', '', 'trimmedChain', '')
return 1
