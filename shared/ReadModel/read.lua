-- Progress and hour of one moment. KEYS: pointer, progress, hour
return {
  redis.call('GET', KEYS[1]) or '1',
  redis.call('HGETALL', KEYS[2]),
  redis.call('HMGET', KEYS[3], 'complete', 'unique_users', 'clicks', 'impressions', 'ahead')
}
