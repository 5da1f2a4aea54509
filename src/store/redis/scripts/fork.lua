-- fork: begins a new epoch. ARGV[1] JSON {epoch, to, forks: [JSON {epoch, n}]}: the last one is the new one, before
-- it come those that this lineage has lost. Answers whether it did: only in the epoch that the caller knows.
local request = cjson.decode(ARGV[1])
if redis.call('HGET', META, 'epoch') ~= request.epoch then return 0 end
if redis.call('LLEN', LINEAGE) == 0 then redis.call('RPUSH', LINEAGE, cjson.encode({ epoch = request.epoch, n = 0 })) end
redis.call('RPUSH', LINEAGE, unpack(request.forks))
redis.call('HSET', META, 'epoch', request.to)
return 1
