-- wrk: post.lua's events, told apart by status. The p99 printed is a bound from above of that of the accepted ones: so slow are at most 1 % as many answers as were accepted.
local timestamp = os.time() * 1000
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args)
  accepted, refused, other = 0, 0, 0
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
end
function request()
  return wrk.format("POST", "/analytics?timestamp=" .. timestamp .. "&user=user-" .. math.random(50000) .. "&click")
end
function response(status)
  if status == 204 then accepted = accepted + 1 elseif status == 503 or status == 429 then refused = refused + 1 else other = other + 1 end
end
function done(summary, latency)
  local a, r, o = 0, 0, 0
  for _, thread in ipairs(threads) do a, r, o = a + thread:get("accepted"), r + thread:get("refused"), o + thread:get("other") end
  local share = a / math.max(1, a + r + o)
  local e = summary.errors
  print(string.format("result %d %d %d %d %.0f %.1f", a, r, o, e.connect + e.read + e.write + e.timeout, a / summary.duration * 1e6, latency:percentile(100 - share) / 1000))
end
