-- stats() -> {now, oldest ready ms or -1, {state, count, bytes…}, totals, this minute, last minute, {worker, fields…}, {state or `events`, bytes of memory, …}}
local states, held = {}, {'events', redis.call('HGET', P .. 'bytes', 'events') or '0'}
for _, state in ipairs({'ready', 'leased', 'retrying', 'waiting', 'parked', 'done', 'ignored', 'dead'}) do
  states[#states + 1] = {state, redis.call('ZCARD', P .. 'state:' .. state), redis.call('HGET', P .. 'bytes', state) or '0'}
  held[#held + 1] = state
  held[#held + 1] = string.format('%d', weight(state))
end
local oldest = redis.call('ZRANGE', P .. 'state:ready', 0, 0, 'WITHSCORES')
local workers = {}
redis.call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', NOW - 60000)
for _, worker in ipairs(redis.call('ZRANGE', P .. 'workers', 0, -1)) do
  local facts = redis.call('HGETALL', P .. 'worker:' .. worker)
  if #facts > 0 then workers[#workers + 1] = {worker, facts} end
end
local minute = math.floor(NOW / 60000)
return {string.format('%d', NOW), oldest[2] and string.format('%d', NOW - tonumber(oldest[2])) or '-1', states,
  redis.call('HGETALL', P .. 'totals'),
  redis.call('HGETALL', P .. 'throughput:' .. minute), redis.call('HGETALL', P .. 'throughput:' .. (minute - 1)), workers, held}
