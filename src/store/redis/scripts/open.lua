-- open: makes a data set where there is none. ARGV[1] JSON {dataSetId, epoch, tombstoneKey}. Answers whether it did.
local fresh = cjson.decode(ARGV[1])
if redis.call('EXISTS', META) == 1 then return 0 end
redis.call('HSET', META, 'format', 2, 'dataSetId', fresh.dataSetId, 'epoch', fresh.epoch, 'tombstoneKey', fresh.tombstoneKey,
  'n', 0, 'chain', '', 'trimmed', 0, 'trimmedChain', '')
redis.call('DEL', LINEAGE)
redis.call('RPUSH', LINEAGE, cjson.encode({ epoch = fresh.epoch, n = 0 }))
return 1
