-- Sends ready-made requests in turn and prints one JSON line at the end.
-- Arguments: a file of requests separated by NUL, the first number of a new client.
-- In a request {n} becomes a number never used before, {ip} an address made from it.
local requests, turn, number, dynamic = {}, 0, 0, false

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  for request in text:gmatch("[^%z]+") do requests[#requests + 1] = request end
  dynamic = text:find("{n}", 1, true) ~= nil or text:find("{ip}", 1, true) ~= nil
  number = tonumber(args[2])
end

function request()
  turn = turn % #requests + 1
  if not dynamic then return requests[turn] end
  number = number + 1
  local ip = string.format("2001:db8:%x:%x::1", math.floor(number / 65536), number % 65536)
  return (requests[turn]:gsub("{n}", number):gsub("{ip}", ip))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
