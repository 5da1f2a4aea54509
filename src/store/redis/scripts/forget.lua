-- forget: looks through some of the log for entries of a user who is gone, and takes their payloads out. ARGV[1] JSON {epoch, count}. Answers {'stale'}
-- or {'ok', how many such users are left}.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return { 'stale' } end

local cursor, page = '0', {}
repeat
  local answer = call('HSCAN', FORGETTING, cursor)
  cursor, page = answer[1], answer[2]
until #page > 0 or cursor == '0'
local user = page[1]
if not user then return { 'ok', 0 } end
local first, last, up_to = string.match(page[2], '^(%d+) (%d+) ?(%d*)$')
local entries = first and call('XRANGE', LOG, first .. '-0', last .. '-0', 'COUNT', request.count) or {}
for _, entry in ipairs(entries) do
  if fields_of(entry).user == user then forget_entry(string.match(entry[1], '^%d+'), tonumber(up_to)) end
end
if #entries == request.count then
  call('HSET', FORGETTING, user, int(string.match(entries[#entries][1], '^%d+') + 1) .. ' ' .. last .. ' ' .. up_to)
else
  call('HDEL', FORGETTING, user)
end
return { 'ok', call('HLEN', FORGETTING) }
