-- Users as Redis itself packs them: their own keys as the commands that put them back, and what else is to be said of them. Only of plain users, of whom
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

-- What there is to be said of a user, as JSON: how many keys there are, then the commands that list the user. And the commands that put the keys back. Two empty texts where
-- there is no pack.
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
  local about = {
    #commands, { 'HSET', USERS, user, text_of(record) }, { 'ZADD', BY_NAME, '0', user }, { 'ZADD', BY_CREATED, int(now.created), user },
    { 'ZADD', BY_ACTIVE, int(now.active or 0), user }, { 'ZADD', BY_RISK, int(now.risk * 1e13 + (now.active or 0)), user },
  }
  if now.attention ~= 'NONE' then about[#about + 1] = { 'SADD', attention_key(now.attention), user } end
  for _, name in ipairs(call('HKEYS', keys.tally)) do
    about[#about + 1] = { 'ZADD', topic_key(name), '0', user }
    about[#about + 1] = { 'ZINCRBY', VOCABULARY, '-1', name }
  end
  return cjson.encode(about), table.concat(commands)
end
