-- Writes everything that tells of a user beside their own keys.
local function index_user(user, keys, record)
  if record.alert then
    local found = get({}, 'HMGET', alert_key(record.alert), 'assignee', 'to')
    record.assignee, record.to = found[1] or nil, names_in(found[2])
  end
  save_user(user, keys, record)
  for _, id in ipairs(get({}, 'LRANGE', keys.alerts, 0, -1)) do
    local found = get({}, 'HMGET', alert_key(id), 'status', 'level', 'raised', 'next', 'ackUntil', 'resolvedUntil')
    local level, raised = tonumber(found[2] or nil), tonumber(found[3] or nil)
    if found[1] and level and raised then
      call('ZADD', alerts_key(found[1]), int((4 - level) * 1e13 + raised), id)
      rank_due(id, { status = found[1], next = tonumber(found[4] or nil), ackUntil = tonumber(found[5] or nil), resolvedUntil = tonumber(found[6] or nil) })
    end
  end
  for _, name in ipairs(get({}, 'HKEYS', keys.tally)) do
    call('ZADD', topic_key(name), '0', user)
    call('ZADD', VOCABULARY, int(-call('ZCARD', topic_key(name))), name)
  end
end
