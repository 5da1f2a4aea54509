-- positions: up to which seq the events of each origin are in the log. ARGV[1] JSON {epoch}. Answers {'stale'} or {'ok', {origin, seq, …}}.
if redis.call('HGET', META, 'epoch') ~= cjson.decode(ARGV[1]).epoch then return { 'stale' } end
return { 'ok', get({}, 'HGETALL', POSITIONS) }
