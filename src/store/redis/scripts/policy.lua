-- policy: the newest retention policy. ARGV[1] JSON {epoch}. Answers {'stale'} or {'ok', JSON or ''}.
if redis.call('HGET', META, 'epoch') ~= cjson.decode(ARGV[1]).epoch then return { 'stale' } end
return { 'ok', get({}, 'LRANGE', POLICIES, -1, -1)[1] or '' }
