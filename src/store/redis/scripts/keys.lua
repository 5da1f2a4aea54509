-- Every key of a data set, built here and nowhere else. `user:…` keys are the predecessor's, in its formats; all others
-- begin with xinyi: and never end in one of its four suffixes. A data set is one log on one Redis server.
local META = 'xinyi:meta' -- hash: format, dataSetId, epoch, tombstoneKey, n (newest index), chain (at n), trimmed (newest index trimmed off the log),
-- trimmedChain, unlisted (an entry whose user was not known as the log was seeded); while it is being seeded only format, dataSetId, seeding (the token), leaseMs, rollback, keysBefore, keysPut
-- (how many keys there were before a transaction of packed users, and "id keys", how many it has added: seed.ts), unlisted
local LINEAGE = 'xinyi:lineage' -- list, oldest first: JSON {epoch, n}, epochs and the index at which each forked from the one before
local LEASE = 'xinyi:lease' -- string: the token of whoever may seed
local HOLES = 'xinyi:holes' -- hash: index of an entry that was deleted from the log -> "origin seq chain"
local POSITIONS = 'xinyi:positions' -- hash: origin -> seq
local POLICIES = 'xinyi:policies' -- list, oldest first: JSON {n, at, limits}
local STAFF = 'xinyi:staff' -- hash: sub of who has signed in -> JSON {at (ms), sub, name, role}
local TOMBSTONES = 'xinyi:tombstones' -- hash: mark of an erased user -> ms
local EXPIRIES = 'xinyi:expiries' -- hash: mark of an expired user -> ms
local FORGETTING = 'xinyi:forgetting' -- hash: user who is gone, and of whom the log may still have entries -> "next last [upTo]": the indexes to be searched, and the time up to which (forget.lua)
local WANTED = 'xinyi:wanted' -- set: users whose keys are lost, and of whom not everything was known where that was met
local PATCHED = 'xinyi:patched' -- set: users who were put back by somebody who need not have had all of them
local LOG = 'xinyi:log' -- stream, entry n-0: origin seq chain id user kind at occurred fingerprint body outcome alerts (formerly)
local USERS = 'xinyi:users' -- hash: user id -> JSON record (users.lua)
local BY_ACTIVE = 'xinyi:order:active' -- zset: user id, lastActiveAt
local BY_CREATED = 'xinyi:order:created' -- zset: user id, createdAt
local BY_RISK = 'xinyi:order:risk' -- zset: user id, risk rank * 1e13 + lastActiveAt
local BY_NAME = 'xinyi:order:name' -- zset: user id, 0
local ALERTED = 'xinyi:alerted' -- set: users with an unresolved alert
local DUE = 'xinyi:order:due' -- zset: alert id, when something follows from the passing of time alone (ms, +inf for never)
local COUNSELORS = 'xinyi:counselors' -- set: subs of counselors who have, or had, users or alerts
local CLAIMS = 'xinyi:order:claims' -- zset: claims on users with an unresolved alert (claim_of), 0
local VOCABULARY = 'xinyi:vocabulary' -- zset: topic, -number of users

local STATUSES = { 'OPEN', 'ACKNOWLEDGED', 'RESOLVED' }

local function attention_key(attention) return 'xinyi:attention:' .. attention end -- set of user ids
local function alerts_key(status) return 'xinyi:order:alerts:' .. status end -- zset: alert id, (4 - level rank) * 1e13 + raisedAt
local function topic_key(name) return 'xinyi:topic:' .. name .. ':users' end -- zset: user id, 0
local function counselor_key(sub) return 'xinyi:counselor:' .. sub .. ':users' end -- zset: user id, 0
-- A claim on a user, of a counselor (sub) whom they, or their alert, are assigned to, or whom it was escalated to; nil: of everybody, as nobody is assigned to them.
local function claim_of(sub, user) return (sub and #sub .. ':' .. sub or '-') .. ':' .. user end
-- hash: user level status occurrences raised seen conversation version trigger, told (length of the history); assignee, ackBy, ackAt, ackUntil,
-- resolvedBy, resolvedAt, resolvedUntil, resolution, and of its escalation since, step, to (JSON, names_in), next
local function alert_key(id) return 'xinyi:alert:' .. id end
local function history_key(id) return 'xinyi:alert:' .. id .. ':history' end -- list, oldest first: JSON of alert events

-- The keys of one user.
local function keys_of(user)
  return {
    profile = 'user:' .. user .. ':profile', -- hash
    conversations = 'user:' .. user .. ':conversations', -- list, newest first: JSON
    emotions = 'user:' .. user .. ':emotions', -- list, newest first: JSON
    words = 'user:' .. user .. ':topics', -- set, for the predecessor
    tally = 'xinyi:user:' .. user .. ':tally', -- hash: topic -> "count first last"
    seen = 'xinyi:user:' .. user .. ':seen', -- hash: id -> "acceptedAt fingerprint alert source", source: "seq origin" of the event
    ids = 'xinyi:user:' .. user .. ':ids', -- zset: id, acceptedAt
    entries = 'xinyi:user:' .. user .. ':entries', -- list: 'all' where none is missing, then indexes of this user's entries in the log
    alerts = 'xinyi:user:' .. user .. ':alerts', -- list, oldest first: alert ids
  }
end

-- Kinds of events whose entries in the log are listed under their user (entries), and forgotten with them.
local FORGOTTEN = { recorded = true, adopted = true, cleared = true, acted = true, assigned = true }

-- Where a key is put that turned out not to be ours (heal.lua).
local function aside_key(key) return 'xinyi:aside:[' .. key .. ']' end

-- Every command on a key goes through `call`; scripts that write replace it (heal.lua).
local call = redis.call

-- How often this script has written something, or is to (heal.lua, users.lua).
local writes = 0

-- A read of a key that may be of another type: the empty answer then.
local function get(empty, ...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then return empty end
  return answer
end

-- A whole number as text, of which a script often needs the same. What Redis makes of a Lua number by itself takes several times as long.
local ints = {}
local function int(number)
  local text = ints[number]
  if not text then
    text = string.format('%d', number)
    -- What is damaged may read as NaN, under which nothing can be kept.
    if number == number then ints[number] = text end
  end
  return text
end

-- A number kept in a hash; nil where there is none.
local function number_at(key, field) return tonumber(call('HGET', key, field) or nil) end

-- The time of a mark (of an erased or expired user) only grows. Answers how many (0 or 1) were raised.
local function raise_mark(key, mark, at)
  if (number_at(key, mark) or -1) >= at then return 0 end
  call('HSET', key, mark, int(at))
  return 1
end

local function parse(text)
  local ok, value = pcall(cjson.decode, text)
  if ok and type(value) == 'table' then return value end
  return nil
end

-- The names in a JSON list; nil where there are none.
local function names_in(text)
  local names = {}
  for _, name in ipairs(text and parse(text) or {}) do
    if type(name) == 'string' then names[#names + 1] = name end
  end
  return names[1] and names
end

-- What is known of one of the staff (JSON as in STAFF) gives way to what is as late. Answers how many (0 or 1) were raised.
local function raise_member(text)
  local member = parse(text)
  if not member or type(member.sub) ~= 'string' or type(member.at) ~= 'number' then return 0 end
  local before = call('HGET', STAFF, member.sub)
  local known = before and parse(before)
  if before == text or known and type(known.at) == 'number' and known.at > member.at then return 0 end
  call('HSET', STAFF, member.sub, text)
  return 1
end

-- The fields of a log entry by name.
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end
