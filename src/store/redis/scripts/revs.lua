-- revs: what tells in short whether the next users are the same elsewhere. ARGV[1] JSON {epoch, after, limit, mended}. Answers {'stale'}, {'unindexed'} when the users' order
-- is lost, or {'ok', n, last id or '', {id, "rev accepted chats", …}}; '' for one whose record can't be read.
local request = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', META, 'epoch', 'n')
if meta[1] ~= request.epoch then return { 'stale' } end
if not request.mended and not is_indexed(BY_NAME) then return { 'unindexed' } end
local users, last = names_after(request.after, request.limit)
local texts = #users > 0 and get({}, 'HMGET', USERS, unpack(users)) or {}
local found = {}
for i, user in ipairs(users) do
  local record = parse(texts[i] or '')
  found[2 * i - 1] = user
  found[2 * i] = record and is_sound(record) and string.format('%d %d %d', record.rev, record.accepted, record.chats) or ''
end
return { 'ok', tonumber(meta[2]), last, found }
