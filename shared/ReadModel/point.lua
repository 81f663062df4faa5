-- Points readers to a rebuilt generation, once that is not behind the one they use in any partition.
-- KEYS: generation, progress of the one they use, progress of the rebuilt one. ARGV: the two generations. Returns 1 when they use the new one.
local now = tonumber(redis.call('GET', KEYS[1]) or '1')
if now >= tonumber(ARGV[2]) then return 1 end
if now ~= tonumber(ARGV[1]) then return 0 end
local partitions = redis.call('HGET', KEYS[3], 'partitions')
if not partitions then return 0 end
for partition = 0, tonumber(partitions) - 1 do
  local new = redis.call('HGET', KEYS[3], partition)
  local old = redis.call('HGET', KEYS[2], partition)
  if not new then return 0 end
  if old and tonumber(string.match(new, '^%d+ (%d+) ')) < tonumber(string.match(old, '^%d+ (%d+) ')) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
