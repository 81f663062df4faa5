-- Progress and hour of one moment. KEYS: pointer, progress, hour
local progress = redis.call('HGETALL', KEYS[2])
local fields = { 'complete', 'unique_users', 'clicks', 'impressions' }
for i = 1, #progress, 2 do
  if progress[i] == 'partitions' then
    for partition = 0, tonumber(progress[i + 1]) - 1 do fields[#fields + 1] = 'p' .. partition end
  end
end
return { redis.call('GET', KEYS[1]) or '1', progress, redis.call('HMGET', KEYS[3], unpack(fields)) }
