-- seedpacked: takes users into the data set whose own keys have just been put there as packed.lua has told. ARGV[1] JSON {token}, ARGV[2] MessagePack, one behind the
-- other: of each what pack_of answers first. Answers 'lost', or the places (from 1) of those who are not there with all of their keys, or were there before: they are left to seedusers.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
local packs = { cmsgpack.unpack(ARGV[2]) }
local names, own_of, own_of_all, expected = {}, {}, {}, 0
for i, pack in ipairs(packs) do
  local keys = keys_of(pack[1])
  names[i], expected = pack[1], expected + pack[7]
  own_of[i] = { keys.profile, keys.conversations, keys.emotions, keys.words, keys.tally, keys.seen, keys.ids, keys.entries }
  for _, key in ipairs(own_of[i]) do own_of_all[#own_of_all + 1] = key end
end
local present = call('HMGET', USERS, unpack(names))
local are_all_there = call('EXISTS', unpack(own_of_all)) == expected
local refused, records, named, created, active, risks, topics, attentive = {}, {}, {}, {}, {}, {}, {}, {}
local function add(list, first, second)
  local count = #list
  list[count + 1], list[count + 2] = first, second
end
for i, pack in ipairs(packs) do
  local user = pack[1]
  if present[i] or not are_all_there and call('EXISTS', unpack(own_of[i])) ~= pack[7] then
    refused[#refused + 1] = i
    -- Whoever has a record is taken out as a whole by seedusers; of the log nothing is there yet.
    call('DEL', unpack(own_of[i], present[i] and #own_of[i] or 1))
  else
    add(records, user, pack[2])
    add(named, '0', user)
    add(created, pack[3], user)
    add(active, pack[4], user)
    add(risks, pack[5], user)
    if pack[6] ~= 'NONE' then
      attentive[pack[6]] = attentive[pack[6]] or {}
      table.insert(attentive[pack[6]], user)
    end
    for place = 8, #pack do
      topics[pack[place]] = topics[pack[place]] or {}
      add(topics[pack[place]], '0', user)
    end
  end
end
if #records > 0 then
  call('HSET', USERS, unpack(records))
  call('ZADD', BY_NAME, unpack(named))
  call('ZADD', BY_CREATED, unpack(created))
  call('ZADD', BY_ACTIVE, unpack(active))
  call('ZADD', BY_RISK, unpack(risks))
end
for level, users in pairs(attentive) do call('SADD', attention_key(level), unpack(users)) end
for name, members in pairs(topics) do
  local added = call('ZADD', topic_key(name), unpack(members))
  if added > 0 then call('ZINCRBY', VOCABULARY, -added, name) end
end
return refused
