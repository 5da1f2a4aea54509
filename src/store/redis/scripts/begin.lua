-- begin: takes the lease, and with it the data set out of use. ARGV[1] JSON {dataSetId, token, leaseMs, over: {state, epoch}, rollback}: over what, and
-- the rollback since which all is that the log tells of; absent where that is not so. Answers whether it did: not while another has the lease, and not when Redis is not so any more.
local request = cjson.decode(ARGV[1])
local over = request.over
local meta = redis.call('HMGET', META, 'epoch', 'seeding')
local state = redis.call('EXISTS', META) == 0 and 'empty' or meta[2] and 'seeding' or 'ready'
if state ~= over.state then return 0 end
if state == 'ready' and meta[1] ~= over.epoch then return 0 end
if not redis.call('SET', LEASE, request.token, 'NX', 'PX', request.leaseMs) then return 0 end
redis.call('DEL', META)
redis.call('HSET', META, 'format', 2, 'dataSetId', request.dataSetId, 'seeding', request.token, 'leaseMs', request.leaseMs, 'rollback', request.rollback or '')
return 1
