-- want: users whose keys are lost, and whom others may be able to put back. ARGV[1] JSON {epoch, users: who is wanted from now on, found: who is
-- no more}. Answers {'stale'} or {'ok', some of all who are wanted}.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return { 'stale' } end
for _, user in ipairs(request.users) do call('SADD', WANTED, user) end
for _, user in ipairs(request.found) do call('SREM', WANTED, user) end
return { 'ok', call('SRANDMEMBER', WANTED, 50) }
