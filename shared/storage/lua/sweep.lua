-- sweep(most, done ms, ignored ms, dead ms, parked ms, done bytes, ignored bytes) -> {removed, unmatched}
-- Ends retention: what has been closed for too long goes, what nobody claimed becomes dead, and of done and ignored the oldest
-- go where all of them are larger than their bytes (-1: no bound). At most *most* of each at a time. Nothing dead goes early.
-- The indexes are by acceptance, so old requests that were closed lately are looked past, up to a bound.
local most, removed, unmatched = tonumber(ARGV[1]), 0, 0

local function remove(id, state, r)
  forget_copies(id, state, r[3])
  if r[4] then redis.call('ZREM', P .. 'children:' .. r[4], id) end
  redis.call('ZREM', P .. 'state:' .. state, id)
  redis.call('HINCRBY', P .. 'bytes', state, -tonumber(r[1] or 0))
  redis.call('UNLINK', record(id), P .. 'body:' .. id, P .. 'journal:' .. id, P .. 'children:' .. id)
  removed = removed + 1
end

local function facts(id) return redis.call('HMGET', record(id), 'bytes', 'changed', 'dedupe', 'parent') end

local function end_by_age(state, age)
  local left = most
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'state:' .. state, '-inf', NOW - age, 'LIMIT', 0, most * 10)) do
    local r = facts(id)
    if left > 0 and tonumber(r[2] or 0) <= NOW - age then
      remove(id, state, r)
      left = left - 1
    end
  end
end

local function end_by_bytes(state, bytes)
  local over = tonumber(redis.call('HGET', P .. 'bytes', state) or 0) - bytes
  if bytes < 0 or over <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', P .. 'state:' .. state, 0, most - 1)) do
    local r = facts(id)
    remove(id, state, r)
    over = over - tonumber(r[1] or 0)
    if over <= 0 then return end
  end
end

for i, state in ipairs({'done', 'ignored', 'dead'}) do end_by_age(state, tonumber(ARGV[i + 1])) end
for i, state in ipairs({'done', 'ignored'}) do end_by_bytes(state, tonumber(ARGV[i + 5])) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'state:parked', '-inf', NOW - tonumber(ARGV[5]), 'LIMIT', 0, most)) do
  local r = redis.call('HMGET', record(id), 'at', 'bytes', 'integration', 'identifier')
  redis.call('ZREM', parked_key(r[3], r[4]), id)
  move(id, 'parked', 'dead', r[1], tonumber(r[2]))
  redis.call('HSET', record(id), 'state', 'dead', 'changed', NOW,
    'reason', 'nobody connected ' .. r[4] .. ' while it was parked')
  unmatched = unmatched + 1
end
if unmatched > 0 then count('dead', unmatched) end
return {removed, unmatched}
