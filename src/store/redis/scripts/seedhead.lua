-- seedhead: writes a part of what surrounds users and log. ARGV[1] JSON {token, part, first}, then its values. Answers 'lost' or 'ok'.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
-- Users may have come with later marks.
local MARKS = { tombstones = TOMBSTONES, expiries = EXPIRIES }
if MARKS[request.part] then
  for i = 2, #ARGV, 2 do raise_mark(MARKS[request.part], ARGV[i], tonumber(ARGV[i + 1])) end
  return 'ok'
end
local PARTS = {
  positions = { 'HSET', POSITIONS },
  policies = { 'RPUSH', POLICIES }, staff = { 'HSET', STAFF }, lineage = { 'RPUSH', LINEAGE },
}
local command, key = unpack(PARTS[request.part])
if request.first then redis.call('DEL', key) end
if #ARGV > 1 then redis.call(command, key, unpack(ARGV, 2)) end
return 'ok'
