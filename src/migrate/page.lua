-- A page of a key of any type, for whoever reads keys of any size in little memory. Changes nothing.
-- KEYS[1]: the key. ARGV[1]: where to go on, 0 at first. ARGV[2]: bytes after which a page ends; of a string, those of a page. ARGV[3]: greatest value, in bytes, that is
-- given as it is. ARGV[4...]: of a hash, the fields that are wanted; without them all, by turns with their values.
-- Answers {type, where to go on (0: that was all), values...}; false stands for a value that is too great, or not there.
local key, cursor, max_bytes, max_value = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local kind = redis.call('TYPE', key).ok
local page, bytes = {kind, '0'}, 0

local function add(value)
  if value and #value > max_value then value = false end
  page[#page + 1] = value
  bytes = bytes + (value and #value or 0)
end

if kind == 'list' then
  local at, step = tonumber(cursor), 1
  while bytes < max_bytes do
    local values = redis.call('LRANGE', key, at, at + step - 1)
    for _, value in ipairs(values) do add(value) end
    at = at + #values
    if #values < step then return page end
    step = math.min(16, step * 2)
    if #page > 1000 then break end
  end
  page[2] = string.format('%d', at)
elseif kind == 'hash' and ARGV[4] then
  for i = 4, #ARGV do
    local value = redis.call('HGET', key, ARGV[i])
    add(value and string.sub(value, 1, max_value))
  end
elseif kind == 'hash' or kind == 'set' or kind == 'zset' then
  local scan = ({hash = 'HSCAN', set = 'SSCAN', zset = 'ZSCAN'})[kind]
  local found = redis.call(scan, key, cursor, 'COUNT', 100)
  page[2] = found[1]
  for _, value in ipairs(found[2]) do add(value) end
elseif kind == 'string' then
  local at = tonumber(cursor)
  add(redis.call('GETRANGE', key, at, at + max_bytes - 1))
  if at + max_bytes < redis.call('STRLEN', key) then page[2] = string.format('%d', at + max_bytes) end
end
return page
