-- Clearing, erasure and expiry: what each event does.

-- A removal that comes again changes nothing: what there is came after it. The log needs it.
local function removed_before(event, n, keys, record)
  meet_policies(keys, record, event.at)
  record.rev, record.accepted = n, math.max(record.accepted, event.at)
  save_user(event.user, keys, record, indexed(record))
  return { 'applied', 0, 0, 0, 0, 0 }
end

local function cleared(event, n, keys, record)
  if not record then return { 'conflict' } end
  call('RPUSH', keys.entries, int(n))
  if remembered(keys, event.id, event.at) then return removed_before(event, n, keys, record) end
  local answer, was = empty_user(event, keys, record), indexed(record)
  for _, id in ipairs(call('LRANGE', keys.alerts, 0, -1)) do
    call('HDEL', alert_key(id), 'trigger')
  end
  record.rev, record.accepted, record.last = n, math.max(record.accepted, event.at), nil
  record.kept[4] = record.kept[4] + call('HSET', keys.seen, event.id, memory_of(event, ''))
  call('ZADD', keys.ids, int(event.at), event.id)
  save_user(event.user, keys, record, was)
  return answer
end

-- An erasure that was applied elsewhere comes with the time up to which: where nothing is as old as that, it has nothing to do.
local function erased(event, n, keys)
  local record, before = load_user(event.user, keys), number_at(TOMBSTONES, event.mark)
  if event.upTo and record and (record.since or 0) > event.upTo then
    raise_mark(TOMBSTONES, event.mark, event.upTo)
    forget_entries(event.user, n, keys, event.upTo)
    return removed_before(event, n, keys, record)
  end
  local time = math.max(event.at, event.upTo or 0, record and record.accepted or 0, before and before + (event.upTo and 0 or 1) or 0)
  local answer = remove_user(event, n, keys, record)
  call('HSET', TOMBSTONES, event.mark, time)
  return answer
end

local function expired(event, n, keys, record)
  local days = limits().profileDays
  if not record or days == 0 or (record.active or record.created) + days * DAY > event.at or (record.stripped or -1) >= event.at then
    return { 'conflict' }
  end
  if record.kept[5] == 0 then
    local answer = remove_user(event, n, keys, record)
    raise_mark(EXPIRIES, event.mark, event.at)
    return answer
  end
  local answer = empty_user(event, keys, record)
  record.rev, record.accepted, record.stripped = n, math.max(record.accepted, event.at), event.at
  save_user(event.user, keys, record, indexed(record))
  return answer
end
