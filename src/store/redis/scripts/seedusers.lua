-- seedusers: puts users, in place of whoever is there under these names. ARGV[1] JSON {token, users: [name], marks: of each user who has any [mark,
-- erasedAt, expiredAt (ms, -1 for never)]}, ARGV[2] MessagePack: of each '1' or '0' (whether there is such a user), and the user. Answers 'lost' or 'ok'.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
texts, cursor = cmsgpack.unpack(ARGV[2]), 0
local present = call('HMGET', USERS, unpack(request.users))
for i, user in ipairs(request.users) do
  local keys = keys_of(user)
  if present[i] then drop_user(user, keys) end
  call('DEL', keys.entries)
  if take() == '1' then
    put_user(user, keys)
    -- Of the log nothing is there yet.
    call('RPUSH', keys.entries, 'all')
  end
end
for _, found in ipairs(request.marks) do
  raise_mark(TOMBSTONES, found[1], found[2])
  raise_mark(EXPIRIES, found[1], found[3])
end
write_all()
return 'ok'
