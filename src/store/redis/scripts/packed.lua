-- Users as Redis itself packs them: their own keys as the commands that put them back, and what else is to be said of them. Only of plain users, of whom
-- the keys hold nothing but what the record tells. Lists have no deadline then, as wherever users are put.

local OWN = { 'profile', 'conversations', 'emotions', 'words', 'tally', 'seen', 'ids' }

-- Texts as bulk strings of RESP, as a command has them.
local function bulks(...)
  local texts = {}
  for i, text in ipairs({ ... }) do texts[i] = '$' .. #text .. '\r\n' .. text .. '\r\n' end
  return table.concat(texts)
end

local function command_of(...) return '*' .. select('#', ...) .. '\r\n' .. bulks(...) end

-- `kept` as it was written: what the record says by now (fits) goes by the keys.
local function is_plain(user, keys, record, kept)
  if record.alert or record.counselor or record.sources or get(1, 'EXISTS', keys.alerts) == 1 or get(1, 'SISMEMBER', PATCHED, user) == 1 then return false end
  return kept and get(-1, 'LLEN', keys.conversations) == kept[1] and get(-1, 'LLEN', keys.emotions) == kept[2] and get(-1, 'HLEN', keys.tally) == kept[3]
    and get(-1, 'SCARD', keys.words) == kept[3] and get(-1, 'HLEN', keys.seen) == kept[4] and get(-1, 'ZCARD', keys.ids) == kept[4] and get(-1, 'HLEN', keys.profile) == 5
end

-- What there is to be said of a user, and the commands that put the keys back; two empty texts where there is no pack. What is said are bulk strings: how many keys there are,
-- and of each command that lists the user how many arguments it has of this user, how it begins, and these arguments. With 0 it begins ZINCRBY, and each user is -1.
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
  local about = { bulks(tostring(#commands)) }
  local function list(...) about[#about + 1] = bulks(...) end
  list('2', bulks('HSET', USERS), bulks(user, text_of(record)))
  list('2', bulks('ZADD', BY_NAME), bulks('0', user))
  list('2', bulks('ZADD', BY_CREATED), bulks(int(now.created), user))
  list('2', bulks('ZADD', BY_ACTIVE), bulks(int(now.active or 0), user))
  list('2', bulks('ZADD', BY_RISK), bulks(int(now.risk * 1e13 + (now.active or 0)), user))
  if now.attention ~= 'NONE' then list('1', bulks('SADD', attention_key(now.attention)), bulks(user)) end
  for _, name in ipairs(call('HKEYS', keys.tally)) do
    list('2', bulks('ZADD', topic_key(name)), bulks('0', user))
    list('0', bulks('ZINCRBY', VOCABULARY), bulks(name))
  end
  return table.concat(about), table.concat(commands)
end
