-- Users as Redis itself packs them: their own keys as the commands that put them back, and what seedpacked.lua has to know besides. Only of plain users, of whom
-- the keys hold nothing but what the record tells. Lists have no deadline then, as wherever users are put.

local OWN = { 'profile', 'conversations', 'emotions', 'words', 'tally', 'seen', 'ids' }

local function command_of(...)
  local texts = { '*' .. select('#', ...) .. '\r\n' }
  for _, text in ipairs({ ... }) do texts[#texts + 1] = '$' .. #text .. '\r\n' .. text .. '\r\n' end
  return table.concat(texts)
end

-- `kept` as it was written: what the record says by now (fits) goes by the keys.
local function is_plain(user, keys, record, kept)
  if record.alert or record.counselor or record.sources or get(1, 'EXISTS', keys.alerts) == 1 or get(1, 'SISMEMBER', PATCHED, user) == 1 then return false end
  return kept and get(-1, 'LLEN', keys.conversations) == kept[1] and get(-1, 'LLEN', keys.emotions) == kept[2] and get(-1, 'HLEN', keys.tally) == kept[3]
    and get(-1, 'SCARD', keys.words) == kept[3] and get(-1, 'HLEN', keys.seen) == kept[4] and get(-1, 'ZCARD', keys.ids) == kept[4] and get(-1, 'HLEN', keys.profile) == 5
end

-- What is to be told of a user, and the commands; two empty texts where there is no pack. The first begins with the user, and ends with the topics.
local function pack_of(user, keys, record, text)
  if not is_plain(user, keys, record, parse(text).kept) then return '', '' end
  local commands = {}
  for _, name in ipairs(OWN) do
    local payload = redis.pcall('DUMP', keys[name])
    if type(payload) == 'table' then return '', '' end
    if payload then commands[#commands + 1] = command_of('RESTORE', keys[name], '0', payload, 'REPLACE') end
  end
  commands[#commands + 1] = command_of('RPUSH', keys.entries, 'all')
  local now = indexed(record)
  record.deadlines = { 0, 0 }
  local about = { user, text_of(record), int(now.created), int(now.active or 0), int(now.risk * 1e13 + (now.active or 0)), now.attention, #commands }
  for _, name in ipairs(call('HKEYS', keys.tally)) do about[#about + 1] = name end
  return cmsgpack.pack(about), table.concat(commands)
end
