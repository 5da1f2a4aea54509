-- counts: how many tombstones, expiries, policies and staff there are. ARGV[1] JSON {epoch}. Answers {'stale'} or {'ok', tombstones, expiries, policies, staff}.
if redis.call('HGET', META, 'epoch') ~= cjson.decode(ARGV[1]).epoch then return { 'stale' } end
return { 'ok', get(0, 'HLEN', TOMBSTONES), get(0, 'HLEN', EXPIRIES), get(0, 'LLEN', POLICIES), get(0, 'HLEN', STAFF) }
