-- open: the identity of the data set; makes one where there is none. ARGV[1] JSON {dataSetId, epoch, tombstoneKey}.
-- Answers {format, dataSetId, epoch, tombstoneKey}.
local fresh = cjson.decode(ARGV[1])
if redis.call('EXISTS', META) == 0 then
  redis.call('HSET', META, 'format', 1, 'dataSetId', fresh.dataSetId, 'epoch', fresh.epoch, 'tombstoneKey', fresh.tombstoneKey, 'n', 0, 'trimmed', 0)
end
return redis.call('HMGET', META, 'format', 'dataSetId', 'epoch', 'tombstoneKey')
