-- sweep(most, done ms, ignored ms, dead ms, parked ms) -> {removed, unmatched}
-- Ends retention: what has been closed for too long goes, what nobody claimed becomes dead. At most *most* of each, oldest first.
-- The indexes are by acceptance, so old requests that were closed lately are looked past, up to a bound.
local most, removed, unmatched = tonumber(ARGV[1]), 0, 0
for i, state in ipairs({'done', 'ignored', 'dead'}) do
  local index, left = P .. 'state:' .. state, most
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', NOW - tonumber(ARGV[i + 1]), 'LIMIT', 0, most * 10)) do
    local r = redis.call('HMGET', record(id), 'bytes', 'changed', 'dedupe', 'parent')
    if left > 0 and tonumber(r[2] or 0) <= NOW - tonumber(ARGV[i + 1]) then
      forget_copies(id, state, r[3])
      if r[4] then redis.call('ZREM', P .. 'children:' .. r[4], id) end
      redis.call('ZREM', index, id)
      redis.call('HINCRBY', P .. 'bytes', state, -tonumber(r[1] or 0))
      redis.call('UNLINK', record(id), P .. 'body:' .. id, P .. 'journal:' .. id, P .. 'children:' .. id)
      removed, left = removed + 1, left - 1
    end
  end
end
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
