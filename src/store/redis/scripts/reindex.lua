-- reindex: makes lost indexes good for some users, from a place among the users on. ARGV[1] JSON {epoch, cursor, count}. Answers the next cursor, or 'stale'.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return 'stale' end
local page = call('HSCAN', USERS, request.cursor, 'COUNT', request.count)
for i = 1, #page[2], 2 do
  local user = page[2][i]
  local keys = keys_of(user)
  local record = load_user(user, keys)
  if record then
    index_user(user, keys, record)
  else
    -- Whoever comes to a user that can't be read has to hear so.
    for _, key in ipairs({ BY_NAME, BY_ACTIVE, BY_CREATED, BY_RISK }) do call('ZADD', key, 'NX', '0', user) end
  end
end
write_pending()
return page[1]
