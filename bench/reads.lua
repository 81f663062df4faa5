-- wrk: GETs of hours. `-- current`, `-- past` (any of HOURS hours that ended two days ago and before) or `-- mix` (95 of 100 the current hour).
local now = os.time()
local first = math.floor(now / 3600) - 48
local hours = tonumber(os.getenv("HOURS") or "10000")
local mode = "current"
local current
function init(args)
  mode = args[1] or mode
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
  current = wrk.format("GET", "/analytics?timestamp=" .. now * 1000)
end
function request()
  if mode == "current" or (mode == "mix" and math.random(100) <= 95) then return current end
  return wrk.format("GET", "/analytics?timestamp=" .. string.format("%.0f", (first - math.random(hours)) * 3600000))
end
