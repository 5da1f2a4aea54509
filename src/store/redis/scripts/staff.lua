-- staff: who has signed in. ARGV[1] JSON {epoch}. Answers {'stale'} or {'ok', [JSON]}.
if redis.call('HGET', META, 'epoch') ~= cjson.decode(ARGV[1]).epoch then return { 'stale' } end
return { 'ok', get({}, 'HVALS', STAFF) }
