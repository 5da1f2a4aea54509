-- copies: everything that is kept of some users, at one moment. ARGV[1] JSON {epoch, users: {id, …} or after: id and limit, marks: [[id, mark]], mended, packed}.
-- Answers {'stale'}, {'unindexed'} when the users' order is lost, {'unnamed', {id, …}} when marks lacks some of these users, or {'ok', n, positions, last id or '', users}: the users one
-- after the other as {id, erasedAt or '', expiredAt or '', whether they are patched (0 or 1), state}, where a state is 'none', 'damaged' or
-- {record, conversations, emotions, tally, seen, {alert id, fields, history, …}}. With `packed`, each whose keys are whole ends with their pack (packed.lua).
local request = cjson.decode(ARGV[1])
local meta = redis.call('HMGET', META, 'epoch', 'n')
if meta[1] ~= request.epoch then return { 'stale' } end

-- Long texts make a page short: it has to arrive before anybody's patience ends.
-- What is packed is so every so often, and nobody is to wait for it.
local MAX_PAGE, MAX_PACKED = request.packed and 250000 or 1000000, 200000
local function size_of(value)
  if type(value) ~= 'table' then return #tostring(value) end
  local sum = 0
  for _, each in ipairs(value) do sum = sum + size_of(each) end
  return sum
end

local function state_of(user)
  local keys = keys_of(user)
  local record, text, broken = load_user(user, keys)
  if broken then return 'damaged' end
  if not record then return 'none' end
  if not fits(keys, record) then return 'damaged' end
  local alerts = {}
  for _, id in ipairs(get({}, 'LRANGE', keys.alerts, 0, -1)) do
    if not is_whole(id) then return 'damaged' end
    alerts[#alerts + 1], alerts[#alerts + 2], alerts[#alerts + 3] = id, get({}, 'HGETALL', alert_key(id)), get({}, 'LRANGE', history_key(id), 0, -1)
  end
  local state = {
    text, get({}, 'LRANGE', keys.conversations, 0, -1), get({}, 'LRANGE', keys.emotions, 0, -1), get({}, 'HGETALL', keys.tally),
    get({}, 'HGETALL', keys.seen), alerts,
  }
  if not request.packed or size_of(state) > MAX_PACKED then return state end
  return state, pack_of(user, keys, record, text)
end

local users, last = request.users, ''
if not users then
  if not request.mended and not is_indexed(BY_NAME) then return { 'unindexed' } end
  users, last = names_after(request.after, request.limit)
end
local marks = {}
for _, pair in ipairs(request.marks) do marks[pair[1]] = pair[2] end
for _, user in ipairs(users) do
  if not marks[user] then return { 'unnamed', users } end
end
local found, size = {}, 0
for i, user in ipairs(users) do
  if size > MAX_PAGE then
    last = users[i - 1]
    break
  end
  local mark = marks[user]
  found[i] = { user, get(false, 'HGET', TOMBSTONES, mark) or '', get(false, 'HGET', EXPIRIES, mark) or '', get(0, 'SISMEMBER', PATCHED, user), state_of(user) }
  size = size + size_of(found[i][5]) + #(found[i][6] or '') + #(found[i][7] or '')
end
return { 'ok', tonumber(meta[2]), get({}, 'HGETALL', POSITIONS), last, found }
