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

-- Keeps in field 'ahead' which partitions' counts go beyond Redis's progress, and to which next offset: they may come before it, and with a refill from an archive that is
-- further. merged: next_offset by partition. An entry may stay when the progress has come as far.
local function note(key, progress, merged)
  local ahead, text = {}, {}
  local held = redis.call('HGET', key, 'ahead')
  for partition, next_offset in string.gmatch(held or '', '(%d+)%.(%d+)') do ahead[partition] = next_offset end
  for partition, next_offset in pairs(merged) do
    local reached = string.match(redis.call('HGET', progress, partition) or '', '^%d+ (%d+) ') or '0'
    ahead[partition] = tonumber(next_offset) > tonumber(reached) and next_offset or nil
  end
  for partition, next_offset in pairs(ahead) do text[#text + 1] = partition .. '.' .. next_offset end
  if #text > 0 then redis.call('HSET', key, 'ahead', table.concat(text, ','))
  elseif held then redis.call('HDEL', key, 'ahead') end
end
