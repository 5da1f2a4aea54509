-- sweep: tidies some users, from a place in the index of users on. ARGV[1] JSON {epoch, cursor, count, now (ms)}.
-- Removes list items a day after they expired and ids older than 30 days beyond the newest 1,000, and writes the index entries again.
-- Users whose keys do not fit together are left as they are. Answers {next cursor, users, removed items, user id, deadline of its expiry, …}.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return { '0', 0, 0 } end

local function tidy_list(list, keys, record, i)
  local key, length = keys[list], record.kept[i]
  if length == 0 then return 0 end
  local kept = visible(list, key, record.rev, request.now - DAY)
  if kept == 0 then call('DEL', key) else call('LTRIM', key, 0, kept - 1) end
  local newest = item(call('LINDEX', key, 0))
  record.kept[i] = kept
  if newest then record.deadlines[i] = expire_after(key, newest.at, limits()[list .. 'Days'], record.deadlines[i]) end
  return length - kept
end

local function tidy_ids(keys, record)
  local old = call('ZRANGEBYSCORE', keys.ids, '-inf', '(' .. string.format('%d', request.now - 30 * DAY))
  local spare = call('ZCARD', keys.ids) - 1000
  for i = 1, math.min(#old, spare) do
    call('ZREM', keys.ids, old[i])
    call('HDEL', keys.seen, old[i])
  end
  record.kept[4] = call('ZCARD', keys.ids)
end

local function tidy_entries(keys, trimmed)
  local all = call('LINDEX', keys.entries, 0) == 'all'
  if all then call('LPOP', keys.entries) end
  while tonumber(call('LINDEX', keys.entries, 0) or math.huge) <= trimmed do call('LPOP', keys.entries) end
  if all then call('LPUSH', keys.entries, 'all') end
end

local page = call('HSCAN', USERS, request.cursor, 'COUNT', request.count)
local answer = { page[1], #page[2] / 2, 0 }
local days, trimmed = limits().profileDays, tonumber(call('HGET', META, 'trimmed'))
for i = 1, #page[2], 2 do
  local user = page[2][i]
  local keys = keys_of(user)
  local record = load_user(user, keys)
  if record and fits(keys, record) then
    answer[3] = answer[3] + tidy_list('conversations', keys, record, 1) + tidy_list('emotions', keys, record, 2)
    tidy_ids(keys, record)
    tidy_entries(keys, trimmed)
    index_user(user, keys, record)
    local deadline = (record.active or record.created) + days * DAY
    if days > 0 and deadline <= request.now and (record.stripped or -1) < deadline then
      answer[#answer + 1], answer[#answer + 2] = user, string.format('%d', deadline)
    end
  end
end
write_pending()
return answer
