-- wipe: removes some of our keys, from a place in the key space on. ARGV[1] JSON {token, cursor}. Answers the next cursor, or 'lost'.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
local page = redis.call('SCAN', request.cursor, 'COUNT', 2000)
for _, key in ipairs(page[2]) do
  local suffix = string.match(key, '^user:.*:(%a+)$')
  local legacy = suffix == 'profile' or suffix == 'conversations' or suffix == 'emotions' or suffix == 'topics'
  if legacy or string.sub(key, 1, 6) == 'xinyi:' and key ~= META and key ~= LEASE then redis.call('UNLINK', key) end
end
return page[1]
