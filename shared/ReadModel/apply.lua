-- Applies a batch of one generation, whole or not at all (docs/decisions/0005-redis-completeness.md).
-- KEYS: positions, birth, progress, outcomes, hours...
-- ARGV: ttl_ms, tolerance_ms, generation, partition_count,
--   reads,    then each: position field, partition, from, to
--   progress, then each: partition, next_offset, as_of_ms, position, record
--   partials, then each: index of the hour's key, hour, partition, next_offset, counts
-- Returns {1} when applied; {0, position...} when Redis stands before a batch's begin: it lost something, read again from there;
-- {2, partition} when a record never read before tells of less progress than is stored: the topic is another one.
local at = 0
local function take() at = at + 1 return ARGV[at] end

local ttl, tolerance, generation, partition_count = take(), tonumber(take()), take(), take()

local reads, unread, stored, lost = {}, {}, { 0 }, false
for _ = 1, tonumber(take()) do
  local read = { field = take(), partition = take(), from = take(), to = take() }
  read.position = redis.call('HGET', KEYS[1], read.field) or '0'
  lost = lost or tonumber(read.position) < tonumber(read.from)
  unread[read.partition] = tonumber(read.position) == tonumber(read.from)
  reads[#reads + 1] = read
  stored[#stored + 1] = read.position
end
if lost then return stored end

local progress = {}
for i = 1, tonumber(take()) do
  local new = { take(), take(), take(), take(), take() }
  progress[i] = new
  local held = redis.call('HGET', KEYS[3], new[1])
  if held and new[5] ~= '' and unread[new[1]] and tonumber(new[2]) < tonumber(string.match(held, '^%d+ (%d+) ')) then
    return { 2, new[1] }
  end
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Other settings trimmed the set by another rule: what they forgot is unknown, so the keyspace counts as born again.
local born = 'born|' .. ttl .. '|' .. text(tolerance)
local birth = tonumber(redis.call('ZSCORE', KEYS[2], born))
-- Above maxmemory Redis refuses a script at its first write, if that may add memory, and at none after it: so this one comes before those that free some.
redis.call('ZADD', KEYS[2], text(birth or now), born)
if not birth then
  birth = now
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '100000000000', '+inf')
  redis.call('ZADD', KEYS[2], text(now), born)
end
-- An hour whose first possible event is later than this cannot have been written and forgotten, unless its name is in the birth set.
local horizon = math.max(birth, now - tonumber(ttl))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(math.floor((now - tonumber(ttl) + tolerance) / 3600000)))

for _, new in ipairs(progress) do
  local partition, next_offset, as_of, position, record = unpack(new)
  local held = redis.call('HGET', KEYS[3], partition)
  local n, a, p
  if held then n, a, p = string.match(held, '^%d+ (%d+) (%d+) (%d+)$') end
  if held and tonumber(p) > tonumber(position) then position = p end
  if not held or tonumber(next_offset) > tonumber(n) or (tonumber(next_offset) == tonumber(n) and tonumber(as_of) > tonumber(a)) then
    if record ~= '' then redis.call('HSET', KEYS[4], partition, record) end
  else
    next_offset, as_of = n, a
  end
  redis.call('HSET', KEYS[3], partition, generation .. ' ' .. next_offset .. ' ' .. as_of .. ' ' .. position)
end
if partition_count ~= '0' then redis.call('HSET', KEYS[3], 'partitions', partition_count) end

local touched = {}
for _ = 1, tonumber(take()) do
  local key, hour, partition, next_offset, counts = KEYS[4 + tonumber(take())], tonumber(take()), take(), take(), take()
  local first_event = hour * 3600000 - tolerance
  if redis.call('EXISTS', key) == 0 then
    local new = first_event > horizon and not redis.call('ZSCORE', KEYS[2], text(hour))
    redis.call('HSET', key, 'complete', new and '1' or '0')
  end
  if first_event > now - tonumber(ttl) then redis.call('ZADD', KEYS[2], text(hour), text(hour)) end
  if merge(key, partition, generation, next_offset, counts) then
    touched[key] = touched[key] or {}
    touched[key][partition] = next_offset
  end
end
for key, merged in pairs(touched) do
  total(key)
  note(key, KEYS[3], merged)
  redis.call('PEXPIRE', key, ttl)
end

for _, read in ipairs(reads) do
  if tonumber(read.to) > tonumber(read.position) then redis.call('HSET', KEYS[1], read.field, read.to) end
end
return { 1 }
