-- For scripts that write. A failing command would leave a script's earlier writes in place, so a key that turns out to hold
-- another type than ours is put aside (it is nobody's answer) and the command is done on an empty one.
do
  -- A script may have 200 variables outside of any block.
  local READS = {}
  for name in string.gmatch('EXISTS GET HEXISTS HGET HGETALL HKEYS HLEN HMGET HSCAN LINDEX LLEN LPOS LRANGE PTTL SCAN SISMEMBER SMEMBERS SRANDMEMBER ' ..
    'XRANGE XREVRANGE ZCARD ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZREVRANK', '%u+') do
    READS[name] = true
  end

  call = function(command, key, ...)
    local answer = redis.pcall(command, key, ...)
    local failed = type(answer) == 'table' and answer.err
    if failed and not string.find(failed, '^WRONGTYPE') then error(answer) end
    if failed then
      redis.call('RENAME', key, aside_key(key))
      answer = redis.call(command, key, ...)
    end
    if failed or not READS[command] then writes = writes + 1 end
    return answer
  end
end
