-- Shared by apply.lua and refill-merge.lua. Lua's numbers are doubles, exact to 2^53; what is stored keeps the text it came with.
local function text(number) return string.format('%.0f', number) end

-- Sets one partition's counts when their (generation, next_offset) is newer than what the hash holds.
local function merge(key, partition, generation, next_offset, counts)
  local field = 'p' .. partition
  local held = redis.call('HGET', key, field)
  if held then
    local g, n = string.match(held, '^(%d+) (%d+) ')
    g, n = tonumber(g), tonumber(n)
    if g > tonumber(generation) or (g == tonumber(generation) and n >= tonumber(next_offset)) then return false end
  end
  redis.call('HSET', key, field, generation .. ' ' .. next_offset .. ' ' .. counts)
  return true
end

-- Totals are always recomputed from the partials present.
local function total(key)
  local clicks, impressions, users = 0, 0, 0
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if string.match(all[i], '^p%d+$') then
      local c, m, u = string.match(all[i + 1], '^%d+ %d+ (%d+) (%d+) (%d+)$')
      clicks, impressions, users = clicks + tonumber(c), impressions + tonumber(m), users + tonumber(u)
    end
  end
  redis.call('HMSET', key, 'clicks', text(clicks), 'impressions', text(impressions), 'unique_users', text(users))
end
