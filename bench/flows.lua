-- wrk: arrays of a hundred flows of this hour, every flow among 2,500 names.
local hour = math.floor(os.time() / 3600)
function init(args)
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
end
function request()
  local flows = {}
  for i = 1, 100 do
    flows[i] = string.format('{"src_app":"service-%d","dest_app":"service-%d","vpc_id":"vpc-0","bytes_tx":%d,"bytes_rx":%d,"hour":%d}',
      math.random(50), math.random(50), math.random(100000), math.random(100000), hour)
  end
  return wrk.format("POST", "/flows", { ["Content-Type"] = "application/json" }, "[" .. table.concat(flows, ",") .. "]")
end
