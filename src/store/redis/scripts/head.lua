-- head: the data set without its users and its log. ARGV[1] JSON {epoch}. Answers {'stale'} or {'ok', meta, positions, policies, tombstones,
-- expiries, lineage, staff (JSON)}, hashes as field, value, ….
local request = cjson.decode(ARGV[1])
if redis.call('HGET', META, 'epoch') ~= request.epoch then return { 'stale' } end
return {
  'ok', redis.call('HGETALL', META), get({}, 'HGETALL', POSITIONS), get({}, 'LRANGE', POLICIES, 0, -1), get({}, 'HGETALL', TOMBSTONES),
  get({}, 'HGETALL', EXPIRIES), get({}, 'LRANGE', LINEAGE, 0, -1), get({}, 'HVALS', STAFF),
}
