-- raise: makes good positions that were lost. ARGV[1] JSON {epoch, positions: [[origin, seq]]}. Answers 'stale' or 'ok'.
local request = cjson.decode(ARGV[1])
if call('HGET', META, 'epoch') ~= request.epoch then return 'stale' end
for _, position in ipairs(request.positions) do
  if (number_at(POSITIONS, position[1]) or 0) < position[2] then call('HSET', POSITIONS, position[1], position[2]) end
end
return 'ok'
