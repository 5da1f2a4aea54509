-- release: lets go of the lease. ARGV[1] JSON {token}. Answers 1 if it was ours.
local request = cjson.decode(ARGV[1])
return redis.call('GET', LEASE) == request.token and redis.call('DEL', LEASE) or 0
