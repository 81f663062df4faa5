-- Merges the archive's counts into the hash that refill-begin marked. KEYS: hour, progress
-- ARGV: mark, ttl_ms, partials, then each: partition, generation, next_offset, counts
-- Returns 0 when that hash is gone (deleted, expired, flushed): what was written to it meanwhile is lost with it.
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then return 0 end
local at, merged = 3, {}
for _ = 1, tonumber(ARGV[3]) do
  if merge(KEYS[1], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]) then merged[ARGV[at + 1]] = ARGV[at + 3] end
  at = at + 4
end
total(KEYS[1])
note(KEYS[1], KEYS[2], merged)
redis.call('HSET', KEYS[1], 'complete', '1')
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
