-- read: answers a batch of reads at one moment. ARGV[1] JSON {epoch, now (ms), view (the sub of the counselor who may see the answers; absent: all is seen), candidates, fence: [[origin, seq]], mended (indexes were just made good), requests: [{kind, …}]}, as
-- in store.ts, but risks as ranks. Answers {'stale'}, {'behind'} where a position is below the fence, {'damaged', user, …} where what is kept
-- of a user does not fit together, {'unindexed'} where an index is lost, or {'ok', answer, …}; the shapes are read in reads.ts.
local batch = cjson.decode(ARGV[1])
view = batch.view

-- Whether decode.ts will be able to read it.
local function whole(list, value)
  if not value or type(value.at) ~= 'number' or type(value.id) ~= 'string' or not is_rank(value.rank) then return false end
  local score = value.score
  if list == 'conversations' then
    if type(value.query) ~= 'string' or type(value.response) ~= 'string' or type(value.topics) ~= 'table' then return false end
    if type(value.references_count) ~= 'number' then return false end
    score = value.emotion_score
  end
  return score == cjson.null or type(score) == 'number'
end

local LISTS = { conversations = 1, emotions = 2 }

-- How many elements of a user's list are visible now: none where it is damaged.
local function visible_of(list, user, keys)
  local record = see_user(user)
  if not record then return 0 end
  if not length_of(keys[list], record, LISTS[list]) then
    damaged[user] = true
    return 0
  end
  return visible(list, keys[list], record.rev, batch.now)
end

-- {low, high, length, element, …}. With `checked`, unreadable elements and those below minRisk are left out on the way: {behind, ahead, element, …}.
local function page_of_list(list, request)
  local keys = keys_of(request.userId)
  local key = keys[list]
  local first, length = 0, visible_of(list, request.userId, keys)
  if request.from and length > 0 then length = place_of_time(key, length, request.from) end
  if request.to and length > 0 then first = math.min(length, place_of_time(key, length, request.to + 1)) end
  local page = request.page
  local function at(probe, too) return place(key, length, probe[1], probe[2], too) end
  if not request.checked then
    local low, high = bounds(page, first, length, at)
    local answer = { low - first, high - first, length - first }
    if high > low then for _, element in ipairs(redis.call('LRANGE', key, low, high - 1)) do answer[#answer + 1] = element end end
    return answer
  end
  local low, high = bounds({ take = page.take, limit = math.huge, after = page.after, before = page.before }, first, length, at)
  local forward, found = page.take == 'first', {}
  local probe, stop, step = low, high, 1
  if not forward then probe, stop, step = high - 1, low - 1, -1 end
  while probe ~= stop do
    local element = redis.call('LINDEX', key, probe)
    local value = parse(element)
    if whole(list, value) and (not request.minRisk or value.rank >= request.minRisk) then
      if #found == page.limit then break end
      table.insert(found, forward and #found + 1 or 1, element)
    end
    probe = probe + step
  end
  local more = probe ~= stop
  table.insert(found, 1, (forward and low > first or not forward and more) and 1 or 0)
  table.insert(found, 2, (forward and more or not forward and high < length) and 1 or 0)
  return found
end

-- The visible elements of a list by their ids, read once however many of them are asked for.
local lists_by_id = {}
local function elements_by_id(list, user)
  local keys = keys_of(user)
  local key = keys[list]
  if lists_by_id[key] then return lists_by_id[key] end
  local found = {}
  local count = visible_of(list, user, keys)
  for _, element in ipairs(count > 0 and redis.call('LRANGE', key, 0, count - 1) or {}) do
    local value = item(element)
    if value then found[value.id] = found[value.id] or element end
  end
  lists_by_id[key] = found
  return found
end

local function find_item(list, request) return { elements_by_id(list, request.userId)[request.id] } end

local function topics_of(user)
  local keys = keys_of(user)
  local record = see_user(user)
  if not record then return {} end
  if not has_tally(keys, record) then damaged[user] = true end
  return get({}, 'HGETALL', keys.tally)
end

local function alerts_of(user)
  local keys, answer = keys_of(user), {}
  local record = see_user(user)
  if record and not has_alerts(keys, record) then damaged[user] = true end
  for _, id in ipairs(get({}, 'LRANGE', keys.alerts, 0, -1)) do
    local fields = get({}, 'HGETALL', alert_key(id))
    if #fields == 0 then damaged[user] = true end
    answer[#answer + 1], answer[#answer + 2] = id, fields
  end
  return answer
end

-- {low, high, length, {alert event, …}}
local function history_of(id, page)
  local user = get(false, 'HGET', alert_key(id), 'user')
  if user and not is_whole(id) then damaged[user] = true end
  local key = history_key(id)
  local length = get(0, 'LLEN', key)
  local low, high = bounds(page, 0, length, function(place, too) return place[1] + (too and 1 or 0) end)
  return { low, high, length, high > low and redis.call('LRANGE', key, low, high - 1) or {} }
end

-- Whether an index that a request needs has lost some of its users.
local unindexed = false

local function unresolved() return get(0, 'ZCARD', alerts_key('OPEN')) + get(0, 'ZCARD', alerts_key('ACKNOWLEDGED')) end

-- How many unresolved alerts of rank 3 or above nobody is to look after.
local function unassigned_high()
  local count = 0
  for _, status in ipairs({ 'OPEN', 'ACKNOWLEDGED' }) do
    for _, id in ipairs(get({}, 'ZRANGEBYSCORE', alerts_key(status), '-inf', '(' .. int(2e13))) do
      if not get(false, 'HGET', alert_key(id), 'assignee') then count = count + 1 end
    end
  end
  return count
end

-- Of those in the view.
local function overview_in_view()
  local users, active, open, unassigned, oldest = people_in_view(batch.candidates), 0, 0, 0, ''
  for _, person in ipairs(users) do
    local user, record = person[1], person[2]
    if (record.active or -1) >= batch.now - DAY then active = active + 1 end
    local fields = record.alert and get({}, 'HMGET', alert_key(record.alert), 'status', 'level', 'raised', 'assignee') or {}
    local level, raised = tonumber(fields[2] or nil), tonumber(fields[3] or nil)
    if record.alert and not fields[1] then damaged[user] = true end
    if record.alert and level and level >= 3 and not fields[4] then unassigned = unassigned + 1 end
    if fields[1] == 'OPEN' then
      open = open + 1
      if raised and (oldest == '' or raised < oldest) then oldest = raised end
    end
  end
  return { #users, active, open, unassigned, oldest }
end

local function overview()
  if view then return overview_in_view() end
  if not is_indexed(BY_NAME) or not is_indexed(BY_ACTIVE) then unindexed = true end
  local oldest = ''
  for rank = 2, 4 do
    local from = (4 - rank) * 1e13
    local found = get({}, 'ZRANGEBYSCORE', alerts_key('OPEN'), from, '(' .. string.format('%d', from + 1e13), 'WITHSCORES', 'LIMIT', 0, 1)
    if found[2] and (oldest == '' or found[2] - from < oldest) then oldest = found[2] - from end
  end
  return {
    get(0, 'ZCARD', BY_NAME), get(0, 'ZCOUNT', BY_ACTIVE, batch.now - DAY, '+inf'), get(0, 'ZCARD', alerts_key('OPEN')),
    unassigned_high(), oldest,
  }
end

-- {has previous, has next, total or -1, {topic, -number of users, …}}
local function topics_page(page)
  if not view then
    local order = ordering(VOCABULARY, false)
    local low, high = bounds(page, 0, order.length, order.place_of)
    return { low > 0 and 1 or 0, high < order.length and 1 or 0, order.length, order.slice(low, high) }
  end
  local found = {}
  for name, users in pairs(topics_in_view(batch.candidates)) do found[#found + 1] = { name, -#users } end
  local answer, rows = page_of_found(found, false, page, is_complete(batch.candidates) and #found or -1, function() return '' end), {}
  for i = 6, #answer, 3 do rows[#rows + 1], rows[#rows + 2] = answer[i], answer[i + 1] end
  return { answer[1], answer[2], answer[5], rows }
end

local READ = {
  user = function(request) return { record_text(request.userId) } end,
  users = function(request)
    local order = ORDERS[request.order]
    if not is_indexed(order.key) then unindexed = true end
    if view or next(request.filter) then return selected_users(order, request.filter, request.page, batch.candidates) end
    return page_of_users(order.key, order.descending, request.page)
  end,
  conversations = function(request) return page_of_list('conversations', request) end,
  conversation = function(request) return find_item('conversations', request) end,
  emotions = function(request) return page_of_list('emotions', request) end,
  emotion = function(request) return find_item('emotions', request) end,
  userTopics = function(request) return topics_of(request.userId) end,
  topic = function(request)
    if not view then return { get(false, 'ZSCORE', VOCABULARY, request.name) or '' } end
    local users = topics_in_view(batch.candidates)[request.name]
    return { users and -#users or '' }
  end,
  topics = function(request) return topics_page(request.page) end,
  topicUsers = function(request)
    if view then return holders_in_view(request.name, request.page, batch.candidates) end
    return page_of_users(topic_key(request.name), false, request.page)
  end,
  alert = function(request) return get({}, 'HGETALL', alert_key(request.alertId)) end,
  alerts = function(request)
    if unresolved() < get(0, 'SCARD', ALERTED) then unindexed = true end
    return (view and alerts_in_view or page_of_alerts)(request, batch.candidates)
  end,
  userAlerts = function(request) return alerts_of(request.userId) end,
  alertHistory = function(request) return history_of(request.alertId, request.page) end,
  dueAlerts = function(request)
    if get(0, 'ZCARD', DUE) < unresolved() + get(0, 'ZCARD', alerts_key('RESOLVED')) then unindexed = true end
    local found = {}
    for _, id in ipairs(get({}, 'ZRANGEBYSCORE', DUE, '-inf', int(request['until']), 'LIMIT', 0, request.limit)) do
      found[#found + 1], found[#found + 2] = id, get({}, 'HGETALL', alert_key(id))
    end
    return found
  end,
  overview = overview,
  alertCounts = function()
    if unresolved() < get(0, 'SCARD', ALERTED) then unindexed = true end
    local counts = {}
    for rank = 2, 4 do
      local from = (4 - rank) * 1e13
      for _, status in ipairs(STATUSES) do
        counts[#counts + 1] = get(0, 'ZCOUNT', alerts_key(status), int(from), '(' .. int(from + 1e13))
      end
    end
    return counts
  end,
}

-- Kinds that ask for more than one person.
local LISTED = { users = true, topic = true, topics = true, topicUsers = true, alerts = true, overview = true }

-- Whoever is not in the view is asked for as somebody who does not exist: in the same way, and with the same answer.
local function veiled(request)
  if not view then return request end
  if LISTED[request.kind] then
    if get(0, 'ZCARD', CLAIMS) < math.max(get(0, 'SCARD', ALERTED), unresolved()) then unindexed = true end
    return request
  end
  local user = request.userId or request.alertId and get(false, 'HGET', alert_key(request.alertId), 'user')
  local record = user and see_user(user)
  if record and is_seen(user, record) then return request end
  if request.userId then request.userId = '' end
  if request.alertId then request.alertId = '' end
  return request
end

if redis.call('HGET', META, 'epoch') ~= batch.epoch then return { 'stale' } end
for _, position in ipairs(batch.fence) do
  if (number_at(POSITIONS, position[1]) or 0) < position[2] then return { 'behind' } end
end
local answers = { 'ok' }
for i, request in ipairs(batch.requests) do answers[i + 1] = READ[request.kind](veiled(request)) end
if unindexed and not batch.mended then return { 'unindexed' } end
if not next(damaged) then return answers end
local users = { 'damaged' }
for user in pairs(damaged) do users[#users + 1] = user end
return users
