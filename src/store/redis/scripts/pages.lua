-- Pages of users, topics and alerts: {has previous, has next, resume member or '', resume score, total or -1, member, score, what there is of it, …}.

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
  local record, text = see_user(user)
  return record and text or ''
end

-- A page of all users of a sorted set.
local function page_of_users(key, descending, page)
  local order = ordering(key, descending)
  local low, high = bounds(page, 0, order.length, order.place_of)
  local answer = { low > 0 and 1 or 0, high < order.length and 1 or 0, '', 0, order.length }
  local found = order.slice(low, high)
  for i = 1, #found, 2 do
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = found[i], found[i + 1], record_text(found[i])
  end
  return answer
end

-- A page of entries {member, score, …}, which are all that there are, in any order. shown(entry): what is answered of each.
local function page_of_found(found, descending, page, total, shown)
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
  local answer = { low > 0 and 1 or 0, high < #found and 1 or 0, '', 0, total }
  for i = low + 1, high do
    answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = found[i][1], int(found[i][2]), shown(found[i])
  end
  return answer
end

-- A page of those users of a sorted set whom `accept` answers the record of, looking at no more than `candidates` of them.
local function page_of_accepted(all, page, candidates, accept)
  local forward = page.take == 'first'
  local low, high = bounds({ take = page.take, limit = candidates, after = page.after, before = page.before }, 0, all.length, all.place_of)
  local entries = all.slice(low, high)
  local first, last, step = 1, #entries - 1, 2
  if not forward then first, last, step = #entries - 1, 1, -2 end
  local found, looked, resume, score = {}, 0, '', 0
  for i = first, last, step do
    if #found == page.limit then break end
    local record = accept(entries[i])
    looked = looked + 1
    resume, score = entries[i], entries[i + 1]
    if record then table.insert(found, forward and #found + 1 or 1, { entries[i], entries[i + 1], cjson.encode(record) }) end
  end
  local ahead = forward and low + looked < all.length or high < all.length
  local behind = forward and low > 0 or high - looked > 0
  local goes_on = forward and ahead or not forward and behind
  if #found == page.limit or not goes_on then resume = '' end
  local answer = { behind and 1 or 0, ahead and 1 or 0, resume, score, -1 }
  for _, entry in ipairs(found) do answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = entry[1], entry[2], entry[3] end
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

-- Looks at no more than `candidates` users: all of the most selective index if they are so few, else those that follow in the order itself.
local function selected_users(order, filter, page, candidates)
  local function accept(user)
    local record = see_user(user)
    return record and matches(filter, user, record) and is_seen(user, record) and record or nil
  end
  local best = most_selective(filter)
  local names = view and candidates_of_view(candidates) or {}
  if view and #names < best.count then best = { count = #names, list = function() return names end } end
  if best.count > candidates then return page_of_accepted(ordering(order.key, order.descending), page, candidates, accept) end
  local found = {}
  for _, user in ipairs(best.list()) do
    local record = accept(user)
    if record then found[#found + 1] = { user, order.sort(record), record } end
  end
  return page_of_found(found, order.descending, page, next(filter) and -1 or #found, function(entry) return cjson.encode(entry[3]) end)
end

-- Those in the view who have a topic.
local function holders_in_view(name, page, candidates)
  if not is_complete(candidates) then
    return page_of_accepted(ordering(topic_key(name), false), page, candidates, function(user)
      local record = see_user(user)
      return record and is_seen(user, record) and record or nil
    end)
  end
  local found = {}
  for i, person in ipairs(topics_in_view(candidates)[name] or {}) do found[i] = { person[1], 0, person[2] } end
  return page_of_found(found, false, page, #found, function(entry) return cjson.encode(entry[3]) end)
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

-- Whether an alert is assigned as a filter asks for.
local function fits_assignee(request, assignee)
  if request.assignee and assignee ~= request.assignee then return false end
  return request.unassigned == nil or request.unassigned == not assignee
end

local function owner_is_seen(alert)
  if not view then return true end
  local user = get(false, 'HGET', alert_key(alert), 'user')
  local record = user and see_user(user)
  return record and is_seen(user, record)
end

-- Alerts of several statuses, of a level of at least the rank `least`, as one ordering. By who is to look after them, or may see them, it looks
-- at no more than `candidates`.
local function page_of_alerts(request, candidates)
  local page, by_assignee = request.page, request.assignee ~= nil or request.unassigned ~= nil
  local chosen_by = by_assignee or view ~= nil
  local forward, limit = page.take == 'first', chosen_by and candidates or page.limit
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
  local function fits(id)
    if by_assignee and not fits_assignee(request, get(false, 'HGET', alert_key(id), 'assignee')) then return false end
    return owner_is_seen(id)
  end
  local first, last, step = 1, #merged, 1
  if not forward then first, last, step = #merged, 1, -1 end
  local chosen, looked, most = {}, 0, chosen_by and candidates or #merged
  for i = first, last, step do
    if #chosen > page.limit or looked == most then break end
    looked = looked + 1
    if fits(merged[i][1]) then table.insert(chosen, forward and #chosen + 1 or 1, merged[i]) end
  end
  local more, edge = #chosen > page.limit or looked < #merged, merged[forward and looked or #merged - looked + 1]
  if #chosen > page.limit then table.remove(chosen, forward and #chosen or 1) end
  local stopped = chosen_by and #chosen < page.limit and edge and (more or forward and following or not forward and previous)
  local answer = {
    (previous or not forward and more) and 1 or 0, (following or forward and more) and 1 or 0, stopped and edge[1] or '', stopped and edge[2] or 0,
    view and -1 or length,
  }
  for _, entry in ipairs(chosen) do
    answer[#answer + 1], answer[#answer + 2] = entry[1], entry[2]
    answer[#answer + 1] = listed_alert(entry[1])
  end
  return answer
end

-- The same of those in the view, where they are few enough.
local function alerts_in_view(request, candidates)
  if not is_complete(candidates) then return page_of_alerts(request, candidates) end
  local wanted, found = {}, {}
  for _, status in ipairs(request.status) do wanted[status] = true end
  for _, person in ipairs(people_in_view(candidates)) do
    local user, record = person[1], person[2]
    local function offer(id)
      local fields = get({}, 'HMGET', alert_key(id), 'status', 'level', 'raised', 'assignee')
      local level, raised = tonumber(fields[2] or nil), tonumber(fields[3] or nil)
      if not fields[1] then damaged[user] = true end
      if wanted[fields[1]] and level and raised and level >= (request.least or 0) and fits_assignee(request, fields[4]) then
        found[#found + 1] = { id, (4 - level) * 1e13 + raised }
      end
    end
    if wanted.RESOLVED then
      local keys = keys_of(user)
      if not has_alerts(keys, record) then damaged[user] = true end
      for _, id in ipairs(get({}, 'LRANGE', keys.alerts, 0, -1)) do offer(id) end
    elseif record.alert then
      offer(record.alert)
    end
  end
  return page_of_found(found, false, request.page, #found, function(entry) return listed_alert(entry[1]) end)
end
