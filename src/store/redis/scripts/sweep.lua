-- sweep: tidies some users, from a place in the index of users on. ARGV[1] JSON {epoch, cursor, count, now (ms)}.
-- Removes list items a day after they expired and ids older than 30 days beyond the newest 1,000, and writes the index entries again.
-- Answers {next cursor, users, removed items, user id, deadline of its expiry, …}.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return { '0', 0, 0 } end

local function tidy_list(list, keys, rev)
  local key = keys[list]
  local length = call('LLEN', key)
  if length == 0 then return 0 end
  local kept = visible(list, key, rev, request.now - DAY)
  if kept == 0 then call('DEL', key) else call('LTRIM', key, 0, kept - 1) end
  local newest = item(call('LINDEX', key, 0))
  if newest then expire_after(key, newest.at, limits()[list .. 'Days']) end
  return length - kept
end

local function tidy_ids(keys)
  local old = call('ZRANGEBYSCORE', keys.ids, '-inf', '(' .. string.format('%d', request.now - 30 * DAY))
  local spare = call('ZCARD', keys.ids) - 1000
  for i = 1, math.min(#old, spare) do
    call('ZREM', keys.ids, old[i])
    call('HDEL', keys.seen, old[i])
  end
end

local function tidy_entries(keys, trimmed)
  while tonumber(call('LINDEX', keys.entries, 0) or math.huge) <= trimmed do call('LPOP', keys.entries) end
end

local page = call('HSCAN', USERS, request.cursor, 'COUNT', request.count)
local answer = { page[1], #page[2] / 2, 0 }
local days, trimmed = limits().profileDays, tonumber(call('HGET', META, 'trimmed'))
for i = 1, #page[2], 2 do
  local user = page[2][i]
  local keys = keys_of(user)
  local record = load_user(user, keys)
  answer[3] = answer[3] + tidy_list('conversations', keys, record.rev) + tidy_list('emotions', keys, record.rev)
  tidy_ids(keys)
  tidy_entries(keys, trimmed)
  save_user(user, keys, record)
  local deadline = (record.active or record.created) + days * DAY
  if days > 0 and deadline <= request.now and (record.stripped or -1) < deadline then
    answer[#answer + 1], answer[#answer + 2] = user, string.format('%d', deadline)
  end
end
return answer
