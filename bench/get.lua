-- wrk: GETs of the current hour.
local path = "/analytics?timestamp=" .. os.time() * 1000
function request()
  return wrk.format("GET", path)
end
