-- What another system had of a user: counters, topics and points. Each topic and each point is taken once, however often it comes.

-- Whether this part of the event has not come before; it is remembered from now on.
local function is_new_part(event, keys, record, id)
  if remembered(keys, id, event.at) then return false end
  record.kept[4] = record.kept[4] + call('HSET', keys.seen, id, memory_of(event, ''))
  call('ZADD', keys.ids, int(event.at), id)
  return true
end

local function adopted(event, n, keys, record, told)
  local known = remembered(keys, event.id, event.at)
  if known then return came_before(event, n, keys, record, known, told) end
  local was = record and indexed(record)
  if record then meet_policies(keys, record, event.at) else record = new_record(event, keys) end
  record.rev, record.accepted = n, math.max(record.accepted, event.at)
  record.since = math.min(record.since or 0, event.at, event.occurred)
  local profile = { 'user_id', event.user }
  if event.created < record.created then
    record.created = event.created
    profile[3], profile[4] = 'created_at', event.createdTime
  end
  if event.active and event.active > (record.active or -1) then
    record.active = event.active
    profile[#profile + 1], profile[#profile + 2] = 'last_active', event.activeTime
  elseif not was then
    profile[#profile + 1], profile[#profile + 2] = 'last_active', ''
  end
  change_source(record, event.source, function(source) source[1], source[2] = event.chats, event.risks end)
  profile[#profile + 1], profile[#profile + 2] = 'total_chats', int(record.chats)
  profile[#profile + 1], profile[#profile + 2] = 'total_risk_alerts', int(record.risks)
  local names = {}
  for _, topic in ipairs(event.topics) do
    if is_new_part(event, keys, record, topic.id) and call('HEXISTS', keys.tally, topic.name) == 0 then names[#names + 1] = topic.name end
  end
  add_topics({ topics = names, occurred = event.active or event.occurred, user = event.user }, keys, record)
  for _, point in ipairs(event.points) do
    if is_new_part(event, keys, record, point.id) then
      local part = { id = point.id, occurred = point.occurred, at = event.at, risk = point.risk }
      add_item('emotions', keys, record, part, point.element, false)
      add_point(record, part)
    end
  end
  record.kept[4] = record.kept[4] + call('HSET', keys.seen, event.id, memory_of(event, ''))
  call('ZADD', keys.ids, int(event.at), event.id)
  call('RPUSH', keys.entries, int(n))
  call('HSET', keys.profile, unpack(profile))
  save_user(event.user, keys, record, was)
  return { 'applied', 1, '' }
end
