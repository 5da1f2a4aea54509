-- seedlog: adds entries to the log, under the indexes that they have. ARGV[1] JSON {token}, ARGV[2] MessagePack, one behind the other: of each n, origin, seq, chain, id, user, kind,
-- at, occurred, fingerprint, body, outcome, alerts, formerly. Those that are there already are passed over. Answers 'lost' or 'ok'.
local request = cjson.decode(ARGV[1])
if not holds_lease(request.token) then return 'lost' end
local newest = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
local top = newest and tonumber(string.match(newest[1], '^%d+')) or 0
local texts = { cmsgpack.unpack(ARGV[2]) }
for i = 1, #texts, 14 do
  local n, origin, seq, chain, id, user, kind, at, occurred, fingerprint, body, outcome, alerts, formerly = unpack(texts, i, i + 13)
  if outcome == 'erased' then
    redis.call('HSET', HOLES, n, origin .. ' ' .. seq .. ' ' .. chain)
  elseif tonumber(n) > top then
    local entry = { LOG, n .. '-0', 'origin', origin, 'seq', seq, 'chain', chain, 'id', id, 'user', user, 'kind', kind, 'at', at,
      'occurred', occurred, 'fingerprint', fingerprint, 'body', body, 'outcome', outcome, 'alerts', alerts }
    if formerly ~= '' then entry[#entry + 1], entry[#entry + 2] = 'formerly', formerly end
    redis.call('XADD', unpack(entry))
    -- Who has no list is not here.
    if FORGOTTEN[kind] and redis.call('RPUSHX', keys_of(user).entries, n) == 0 then redis.call('HSET', META, 'unlisted', n) end
  end
end
return 'ok'
