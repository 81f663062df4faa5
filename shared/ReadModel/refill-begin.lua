-- Marks the hash that stands now, so that refill-merge can tell whether it is still the same one. KEYS: hour, progress. ARGV: mark, empty_ttl_ms
-- Returns {mark, progress}: everything Redis had read up to here must be in the archive's counts that will be merged.
redis.call('HSETNX', KEYS[1], 'incarnation', ARGV[1])
redis.call('HSETNX', KEYS[1], 'complete', '0')
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return { redis.call('HGET', KEYS[1], 'incarnation'), redis.call('HGETALL', KEYS[2]) }
