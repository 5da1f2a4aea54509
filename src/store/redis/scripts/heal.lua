-- For scripts that write. A failing command would leave a script's earlier writes in place, so a key that turns out to hold
-- another type than ours is put aside (it is nobody's answer) and the command is done on an empty one.
call = function(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if not string.find(answer.err, '^WRONGTYPE') then error(answer) end
  redis.call('RENAME', key, aside_key(key))
  return redis.call(command, key, ...)
end
