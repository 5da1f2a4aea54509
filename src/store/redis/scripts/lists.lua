-- Lists of JSON items with `at` (ms) and `id`, ordered newest first by (at, id); and sorted sets, ordered by (score, member).
-- Elements that are not such JSON are passed over: they belong to the place of the next readable one.

local DAY = 86400000

-- Order of bytes. Lua's own < on strings follows the server's locale.
local function less(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function newer(at, id, other_at, other_id)
  if at ~= other_at then return at > other_at end
  return less(other_id, id)
end

local function is_rank(value) return value == 0 or value == 1 or value == 2 or value == 3 or value == 4 end

-- The {at, rank, id} of an element, which begins with them (encode.ts) so that finding a place need not decode long texts;
-- an id with escapes takes the long way. nil where they can't be read.
local function item(element)
  if not element then return nil end
  local at, rank, id = string.match(element, '^{"at":(%d+),"rank":([0-4]),"id":"([^"\\]*)"')
  if at then return { at = tonumber(at), rank = tonumber(rank), id = id } end
  local value = parse(element)
  if value and type(value.at) == 'number' and type(value.id) == 'string' and is_rank(value.rank) then return value end
  return nil
end

-- The least i in [low, high] for which passed(i) is false; passed is true up to some point and false from there on.
local function search(low, high, passed)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if passed(middle) then low = middle + 1 else high = middle end
  end
  return low
end

-- How many elements of a list are newer than (at, id), or are that very item where `too` is set.
local function place(key, length, at, id, too)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    local probe, found = middle, nil
    while probe < high do
      found = item(call('LINDEX', key, probe))
      if found then break end
      probe = probe + 1
    end
    if not found then high = middle
    elseif newer(found.at, found.id, at, id) or (too and found.at == at and found.id == id) then low = probe + 1
    else high = middle end
  end
  return low
end

-- How many elements of a list occurred at or after `floor`.
local function place_of_time(key, length, floor)
  if length == 0 or floor == -math.huge then return length end
  local oldest = item(call('LINDEX', key, length - 1))
  if oldest and oldest.at >= floor then return length end
  return place(key, length, floor, '', false)
end

-- Puts an item in its place in a list of `length` elements, and keeps at most `cap` (0: any number). Answers its place, or nil where it has
-- none, and the length then. `is_newest`: that is known already.
local function insert(key, length, at, id, element, cap, is_newest)
  local before = 0
  if length > 0 and not is_newest then
    local newest = item(call('LINDEX', key, 0))
    if not (newest and newer(at, id, newest.at, newest.id)) then before = place(key, length, at, id, false) end
  end
  if cap > 0 and before >= cap then return nil, length end
  if before == 0 then
    call('LPUSH', key, element)
  elseif before == length then
    call('RPUSH', key, element)
  else
    -- The element before a place is always a readable one, and so the only one of its kind.
    call('LINSERT', key, 'AFTER', call('LINDEX', key, before - 1), element)
  end
  if cap == 0 or length < cap then return before, length + 1 end
  call('LTRIM', key, 0, cap - 1)
  return before, cap
end

-- This server's clock (ms).
local server_time
local function now_here()
  if not server_time then
    local time = redis.call('TIME')
    server_time = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  return server_time
end

-- Lets a list expire within the day after its newest item, of time `newest`, is past the retention, and answers when that is: 0 for
-- never. `present`: when it does so far. A deadline that is already past by this server's clock is left to the sweep: the writer's clock
-- decides what is kept, not ours.
local function expire_after(key, newest, days, present)
  local deadline = newest + (days + 1) * DAY
  if days > 0 and present <= deadline and present >= deadline - DAY / 2 then return present end
  if days > 0 and deadline > now_here() then
    call('PEXPIREAT', key, deadline)
    return deadline
  end
  if present > 0 then call('PERSIST', key) end
  return 0
end

-- Where a page begins and ends (exclusive) in an ordering of `length` places. place_of(key, too) counts what comes before a key.
local function bounds(page, low, high, place_of)
  if page.after then low = math.max(low, place_of(page.after, true)) end
  if page.before then high = math.min(high, place_of(page.before, false)) end
  if high < low then high = low end
  if page.take == 'first' then high = math.min(high, low + page.limit) else low = math.max(low, high - page.limit) end
  return low, high
end
