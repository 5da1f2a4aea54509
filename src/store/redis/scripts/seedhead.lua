-- seedhead: writes a part of what surrounds users and log. ARGV[1] JSON {token, part, first}, then its values. Answers 'lost' or 'ok'.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
local PARTS = {
  positions = { 'HSET', POSITIONS }, tombstones = { 'HSET', TOMBSTONES }, expiries = { 'HSET', EXPIRIES },
  policies = { 'RPUSH', POLICIES }, lineage = { 'RPUSH', LINEAGE },
}
local command, key = unpack(PARTS[request.part])
if request.first then redis.call('DEL', key) end
if #ARGV > 1 then redis.call(command, key, unpack(ARGV, 2)) end
return 'ok'
