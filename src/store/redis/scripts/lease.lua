-- Seeding: only who holds the lease goes on, and holds it a little longer.
local function holds_lease(token)
  if redis.call('GET', LEASE) ~= token then return false end
  redis.call('PEXPIRE', LEASE, redis.call('HGET', META, 'leaseMs'))
  return true
end
