-- Whom a batch of reads meets, and whom of them a counselor may see (store.ts, View).

-- The sub of the counselor whose view is asked for; nil: everybody is seen.
local view

-- Users who were met in this batch and whose keys do not fit together.
local damaged = {}

-- Users' keys take longer to build than their records to read, so that only who needs them does.
local function see_user(user)
  if records[user] == nil then records[user] = get(false, 'HGET', USERS, user) end
  local text = records[user]
  local record, _, broken = load_user(user, not (text and string.find(text, '"kept":', 1, true)) and keys_of(user))
  if broken then damaged[user] = true end
  return record, text or nil
end

-- user -> whether they are seen, of those who were met
local seen = {}

local function sees(record)
  if record.counselor == view then return true end
  if not record.alert then return false end
  if record.assignee == view then return true end
  local alert = get({}, 'HMGET', alert_key(record.alert), 'status', 'assignee', 'ackBy', 'to')
  if not record.counselor and alert[1] ~= 'ACKNOWLEDGED' then return true end
  if alert[2] == view or not record.counselor and alert[3] == view then return true end
  for _, called in ipairs(names_in(alert[4]) or {}) do
    if called == view then return true end
  end
  return false
end

local function is_seen(user, record)
  if not view then return true end
  if seen[user] == nil then seen[user] = sees(record) end
  return seen[user]
end

-- The names of those among whom everybody in the view is: their own people first. Once there are more than `most`, those that remain are left out.
local names_of_view
local function candidates_of_view(most)
  if names_of_view then return names_of_view end
  local names, met = {}, {}
  local function add(members, prefix)
    for _, member in ipairs(members) do
      local user = member:sub(#prefix + 1)
      if not met[user] and #names <= most then names[#names + 1], met[user] = user, true end
    end
  end
  add(get({}, 'ZRANGE', counselor_key(view), 0, most), '')
  for _, prefix in ipairs({ claim_of(view, ''), claim_of(nil, '') }) do
    add(get({}, 'ZRANGEBYLEX', CLAIMS, '[' .. prefix, '(' .. prefix .. '\255', 'LIMIT', 0, most + 1), prefix)
  end
  names_of_view = names
  return names
end

-- Whether so few come into question that all of them are looked at.
local function is_complete(most) return #candidates_of_view(most) <= most end

-- Those in the view, {user, record} each, of at most `most` candidates.
local people
local function people_in_view(most)
  if people then return people end
  local names = candidates_of_view(most)
  local count = math.min(#names, most)
  for first = 1, count, 1000 do
    local texts = get({}, 'HMGET', USERS, unpack(names, first, math.min(first + 999, count)))
    for i, text in ipairs(texts) do records[names[first + i - 1]] = text end
  end
  people = {}
  for i = 1, count do
    local record = see_user(names[i])
    if record and is_seen(names[i], record) then people[#people + 1] = { names[i], record } end
  end
  return people
end

-- Topic -> those of them who have it.
local holders
local function topics_in_view(most)
  if holders then return holders end
  holders = {}
  for _, person in ipairs(people_in_view(most)) do
    local names = get({}, 'HKEYS', keys_of(person[1]).tally)
    if #names < person[2].kept[3] then damaged[person[1]] = true end
    for _, name in ipairs(names) do
      holders[name] = holders[name] or {}
      table.insert(holders[name], person)
    end
  end
  return holders
end
