-- finish: what was seeded is the data set from now on. ARGV[1] JSON {token}, then epoch, tombstoneKey, n, chain, trimmed, trimmedChain. Answers 'lost' or 'ok'.
if not holds_lease(cjson.decode(ARGV[1]).token) then return 'lost' end
redis.call('HSET', META, 'epoch', ARGV[2], 'tombstoneKey', ARGV[3], 'n', ARGV[4], 'chain', ARGV[5], 'trimmed', ARGV[6], 'trimmedChain', ARGV[7])
redis.call('HDEL', META, 'seeding', 'leaseMs', 'rollback', 'keysBefore', 'keysPut')
redis.call('DEL', LEASE)
return 'ok'
