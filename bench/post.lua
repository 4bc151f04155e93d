-- wrk: POST one body of BENCH_BODY bytes again and again, each with a delivery id of its own.
local size = tonumber(os.getenv("BENCH_BODY") or "1024")
local path = os.getenv("BENCH_PATH")
local stamp = os.getenv("BENCH_STAMP")
local fill = '{"team_id":"T1","type":"event_callback","text":"'
local body = fill .. string.rep("x", math.max(0, size - #fill - 2)) .. '"}'
local before = "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
  .. "User-Agent: wrk\r\nX-Signature: " .. os.getenv("BENCH_SIGNATURE") .. "\r\nX-Delivery: " .. stamp
local after = "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
local n = 0

function request()
  n = n + 1
  return before .. n .. after
end

function done(summary, latency)
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
