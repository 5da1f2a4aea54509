-- raise: makes good what was lost of what surrounds the users; nothing is lowered. ARGV[1] JSON {epoch, and any of positions: [[origin, seq]], tombstones and
-- expiries: [[mark, ms]], policies and staff: [text]}. Answers {'stale'} or {'ok', how many were raised}.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return { 'stale' } end
local raised = 0
for name, key in pairs({ positions = POSITIONS, tombstones = TOMBSTONES, expiries = EXPIRIES }) do
  for _, pair in ipairs(request[name] or {}) do raised = raised + raise_mark(key, pair[1], pair[2]) end
end
if request.policies then
  local by_index, order, before = {}, {}, get(0, 'LLEN', POLICIES)
  for _, texts in ipairs({ request.policies, get({}, 'LRANGE', POLICIES, 0, -1) }) do
    for _, text in ipairs(texts) do
      local policy = parse(text)
      if policy then by_index[policy.n] = text end
    end
  end
  for n in pairs(by_index) do order[#order + 1] = n end
  table.sort(order)
  raised = raised + math.max(0, #order - before)
  call('DEL', POLICIES)
  for _, n in ipairs(order) do call('RPUSH', POLICIES, by_index[n]) end
end
for _, text in ipairs(request.staff or {}) do raised = raised + raise_member(text) end
return { 'ok', raised }
