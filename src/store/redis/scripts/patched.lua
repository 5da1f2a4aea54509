-- patched: who was put back by somebody who need not have had all of them. ARGV[1] JSON {epoch, cursor, count}; answers {'stale'} or {'ok', next cursor, some of them}.
-- Or {epoch, users}: {'ok', those of these who are not among them}.
local request = cjson.decode(ARGV[1])
if redis.call('HGET', META, 'epoch') ~= request.epoch then return { 'stale' } end
if not request.users then return { 'ok', unpack(get({ '0', {} }, 'SSCAN', PATCHED, request.cursor, 'COUNT', request.count)) } end
local others = {}
for _, user in ipairs(request.users) do
  if get(0, 'SISMEMBER', PATCHED, user) == 0 then others[#others + 1] = user end
end
return { 'ok', others }
