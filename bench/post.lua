-- wrk: events of the current hour by 50,000 users, a quarter of them clicks.
local timestamp = os.time() * 1000
function init(args)
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
end
function request()
  local kind = math.random(4) == 1 and "click" or "impression"
  return wrk.format("POST", "/analytics?timestamp=" .. timestamp .. "&user=user-" .. math.random(50000) .. "&" .. kind)
end
