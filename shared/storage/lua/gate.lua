-- gate(what, name, kind, ms, reason) : close, open, release (many, wake 0|1) -> {}; list -> {{name, kind, ms left, reason, records behind}, …}
-- A gate that is closed again stays closed for the longer of both times; a breaker stays one until it is opened.
local what, name = ARGV[1], ARGV[2]

if what == 'close' and ARGV[3] == 'slots' then
  local kind, until_ms = redis.call('HGET', gate_key(name), 'kind'), NOW + tonumber(ARGV[4])
  if kind == 'breaker' or kind == 'pause' then return {} end
  redis.call('HSET', gate_key(name), 'kind', 'slots', 'until', until_ms, 'reason', ARGV[5])
  redis.call('ZADD', P .. 'gates', 'NX', NOW + STEP_MS, name)
  return {}
end

if what == 'close' then
  local before = redis.call('HMGET', gate_key(name), 'kind', 'until')
  local until_ms = math.max(NOW + tonumber(ARGV[4]), tonumber(before[2] or 0))
  local kind = before[1] == 'breaker' and 'breaker' or ARGV[3]
  redis.call('HSET', gate_key(name), 'kind', kind, 'until', until_ms, 'reason', ARGV[5], 'credit', 0)
  redis.call('ZADD', P .. 'gates', until_ms, name)
  return {}
end

if what == 'open' then
  if redis.call('EXISTS', gate_key(name)) == 1 then
    redis.call('HSET', gate_key(name), 'kind', 'open', 'until', NOW)
    redis.call('ZADD', P .. 'gates', NOW, name)
    wake()
  end
  return {}
end

if what == 'release' then
  if give_credit(name, 'slots', tonumber(ARGV[3])) and ARGV[4] == '1' then wake() end
  return {}
end

local found = {}
for _, gate in ipairs(redis.call('ZRANGE', P .. 'gates', 0, 999)) do
  local g = redis.call('HMGET', gate_key(gate), 'kind', 'until', 'reason')
  local left = math.max(0, tonumber(g[2] or 0) - NOW)
  found[#found + 1] = {gate, g[1] or '', left, g[3] or '', redis.call('ZCARD', behind_key(gate))}
end
return found
