-- Pages of users, topics and alerts. An answer is {low, high, length, members…}: the page holds the places from low to high (exclusive).

-- Users who were met in this batch and whose keys do not fit together.
local damaged = {}

local function see_user(user, keys)
  local record, text, broken = load_user(user, keys)
  if broken then damaged[user] = true end
  return record, text
end

-- A sorted set as an ordering: place_of counts what comes before a key [score, member].
local function ordering(key, descending)
  local range = descending and 'ZREVRANGE' or 'ZRANGE'
  local length = get(0, 'ZCARD', key)
  local function place_of(place, too)
    local sort, id = place[1], place[2]
    return search(0, length, function(i)
      local found = redis.call(range, key, i, i, 'WITHSCORES')
      local member, score = found[1], tonumber(found[2])
      if score == sort then
        if member == id then return too end
        return less(member, id) ~= descending
      end
      return (score < sort) ~= descending
    end)
  end
  local function slice(low, high) return high > low and redis.call(range, key, low, high - 1, 'WITHSCORES') or {} end
  return { length = length, place_of = place_of, slice = slice }
end

local ORDERS = {
  LAST_ACTIVE_DESC = { key = BY_ACTIVE, descending = true, sort = function(record) return record.active or 0 end },
  CREATED_DESC = { key = BY_CREATED, descending = true, sort = function(record) return record.created end },
  RISK_DESC = { key = BY_RISK, descending = true, sort = function(record) return current_risk(record) * 1e13 + (record.active or 0) end },
  USER_ID_ASC = { key = BY_NAME, descending = false, sort = function() return 0 end },
}

local function record_text(user)
  local _, text = see_user(user, keys_of(user))
  return text or ''
end

-- {low, high, length, member, score, record, …}
local function page_of_users(key, descending, page)
  local order = ordering(key, descending)
  local low, high = bounds(page, 0, order.length, order.place_of)
  local answer = { low, high, order.length }
  local found = order.slice(low, high)
  for i = 1, #found, 2 do
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = found[i], found[i + 1], record_text(found[i])
  end
  return answer
end

local function matches(filter, user, record)
  if filter.minRisk and current_risk(record) < filter.minRisk then return false end
  if filter.attention and attention(record) ~= filter.attention then return false end
  if filter.activeSince and (record.active or -1) < filter.activeSince then return false end
  if filter.search and user:sub(1, #filter.search) ~= filter.search then return false end
  if filter.counselor and record.counselor ~= filter.counselor then return false end
  if filter.unassigned ~= nil and filter.unassigned ~= (record.counselor == nil) then return false end
  if filter.hasOpenAlert ~= nil and (record.alert ~= nil) ~= filter.hasOpenAlert then return false end
  if not filter.topics then return true end
  for _, name in ipairs(filter.topics) do
    if get(false, 'ZSCORE', topic_key(name), user) then return true end
  end
  return false
end

-- The index that leaves the fewest candidates: {count, list()}.
local function most_selective(filter)
  local best = { count = math.huge }
  local function offer(count, list) if count and count < best.count then best = { count = count, list = list } end end
  if filter.search then
    local from, to = '[' .. filter.search, '(' .. filter.search .. '\255'
    offer(get(false, 'ZLEXCOUNT', BY_NAME, from, to), function() return redis.call('ZRANGEBYLEX', BY_NAME, from, to) end)
  end
  if filter.minRisk then
    local from = filter.minRisk * 1e13
    offer(get(false, 'ZCOUNT', BY_RISK, from, '+inf'), function() return redis.call('ZRANGEBYSCORE', BY_RISK, from, '+inf') end)
  end
  if filter.activeSince then
    offer(get(false, 'ZCOUNT', BY_ACTIVE, filter.activeSince, '+inf'), function() return redis.call('ZRANGEBYSCORE', BY_ACTIVE, filter.activeSince, '+inf') end)
  end
  if filter.attention and filter.attention ~= 'NONE' then
    local key = attention_key(filter.attention)
    offer(get(false, 'SCARD', key), function() return redis.call('SMEMBERS', key) end)
  end
  if filter.counselor then
    local key = counselor_key(filter.counselor)
    offer(get(false, 'ZCARD', key), function() return redis.call('ZRANGE', key, 0, -1) end)
  end
  if filter.hasOpenAlert then offer(get(false, 'SCARD', ALERTED), function() return redis.call('SMEMBERS', ALERTED) end) end
  if filter.topics then
    local count = 0
    for _, name in ipairs(filter.topics) do count = count + get(0, 'ZCARD', topic_key(name)) end
    offer(count, function()
      local users, met = {}, {}
      for _, name in ipairs(filter.topics) do
        for _, user in ipairs(get({}, 'ZRANGE', topic_key(name), 0, -1)) do
          if not met[user] then users[#users + 1], met[user] = user, true end
        end
      end
      return users
    end)
  end
  return best
end

-- Filtered: {has previous, has next, resume member or '', resume score, member, score, record, …}. Looks at no more than
-- `candidates` users: all of the most selective index if they are so few, else those that follow in the order itself.
local function filtered_users(order, filter, page, candidates)
  local descending = order.descending
  local best = most_selective(filter)
  if best.count <= candidates then
    local found = {}
    for _, user in ipairs(best.list()) do
      local record = see_user(user, keys_of(user))
      if record and matches(filter, user, record) then found[#found + 1] = { user, order.sort(record), record } end
    end
    table.sort(found, function(a, b)
      if a[2] ~= b[2] then return (a[2] < b[2]) ~= descending end
      return a[1] ~= b[1] and less(a[1], b[1]) ~= descending
    end)
    local low, high = bounds(page, 0, #found, function(key, too)
      return search(0, #found, function(i)
        local entry = found[i + 1]
        if entry[2] ~= key[1] then return (entry[2] < key[1]) ~= descending end
        if entry[1] == key[2] then return too end
        return less(entry[1], key[2]) ~= descending
      end)
    end)
    local answer = { low > 0 and 1 or 0, high < #found and 1 or 0, '', 0 }
    for i = low + 1, high do
      answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = found[i][1], found[i][2], cjson.encode(found[i][3])
    end
    return answer
  end
  local all = ordering(order.key, descending)
  local forward = page.take == 'first'
  local low, high = bounds({ take = page.take, limit = candidates, after = page.after, before = page.before }, 0, all.length, all.place_of)
  local entries = all.slice(low, high)
  local first, last, step = 1, #entries - 1, 2
  if not forward then first, last, step = #entries - 1, 1, -2 end
  local found, looked, resume, score = {}, 0, '', 0
  for i = first, last, step do
    if #found == page.limit then break end
    local user = entries[i]
    local record = see_user(user, keys_of(user))
    looked = looked + 1
    resume, score = user, entries[i + 1]
    if record and matches(filter, user, record) then
      table.insert(found, forward and #found + 1 or 1, { user, entries[i + 1], cjson.encode(record) })
    end
  end
  local ahead = forward and low + looked < all.length or high < all.length
  local behind = forward and low > 0 or high - looked > 0
  local goes_on = forward and ahead or not forward and behind
  if #found == page.limit or not goes_on then resume = '' end
  local answer = { behind and 1 or 0, ahead and 1 or 0, resume, score }
  for _, entry in ipairs(found) do answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = entry[1], entry[2], entry[3] end
  return answer
end

-- The fields of an alert that is in the order of alerts.
local function listed_alert(id)
  local fields = get({}, 'HGETALL', alert_key(id))
  if #fields > 0 then return fields end
  for _, user in ipairs(get({}, 'SMEMBERS', ALERTED)) do
    for _, owned in ipairs(get({}, 'LRANGE', keys_of(user).alerts, 0, -1)) do
      if owned == id then damaged[user] = true end
    end
  end
  return fields
end

-- Alerts of several statuses, of a level of at least the rank `least`, as one ordering: {has previous, has next, length, resume id or '',
-- resume score, alert id, score, fields, …}. By who is to look after them it looks at no more than `candidates`.
local function page_of_alerts(request, candidates)
  local page, by_assignee = request.page, request.assignee ~= nil or request.unassigned ~= nil
  local forward, limit = page.take == 'first', by_assignee and candidates or page.limit
  local merged, length, previous, following = {}, 0, false, false
  for _, status in ipairs(request.status) do
    local order = ordering(alerts_key(status), false)
    if request.least then order.length = order.place_of({ (5 - request.least) * 1e13, '' }, false) end
    local low, high = bounds({ take = page.take, limit = limit, after = page.after, before = page.before }, 0, order.length, order.place_of)
    length, previous, following = length + order.length, previous or low > 0, following or high < order.length
    local found = order.slice(low, high)
    for i = 1, #found, 2 do merged[#merged + 1] = { found[i], tonumber(found[i + 1]) } end
  end
  table.sort(merged, function(a, b) if a[2] ~= b[2] then return a[2] < b[2] end return less(a[1], b[1]) end)
  local function fits_assignee(id)
    if not by_assignee then return true end
    local assignee = get(false, 'HGET', alert_key(id), 'assignee')
    if request.assignee and assignee ~= request.assignee then return false end
    return request.unassigned == nil or request.unassigned == not assignee
  end
  local first, last, step = 1, #merged, 1
  if not forward then first, last, step = #merged, 1, -1 end
  local chosen, looked, most = {}, 0, by_assignee and candidates or #merged
  for i = first, last, step do
    if #chosen > page.limit or looked == most then break end
    looked = looked + 1
    if fits_assignee(merged[i][1]) then table.insert(chosen, forward and #chosen + 1 or 1, merged[i]) end
  end
  local more, edge = #chosen > page.limit or looked < #merged, merged[forward and looked or #merged - looked + 1]
  if #chosen > page.limit then table.remove(chosen, forward and #chosen or 1) end
  local stopped = by_assignee and #chosen < page.limit and edge and (more or forward and following or not forward and previous)
  local answer = {
    (previous or not forward and more) and 1 or 0, (following or forward and more) and 1 or 0, length, stopped and edge[1] or '', stopped and edge[2] or 0,
  }
  for _, entry in ipairs(chosen) do
    answer[#answer + 1], answer[#answer + 2] = entry[1], entry[2]
    answer[#answer + 1] = listed_alert(entry[1])
  end
  return answer
end
