-- sweep(most, then ages in ms: done, ignored, dead, parked, waiting, then bytes: done, ignored, dead, parked, copies)
--   -> {removed, unmatched, tired, forgotten} (-1: no bound)
-- Ends retention, at most *most* of each at a time. What has been closed for too long goes; what nobody claimed (unmatched) or
-- what waited for too long (tired) becomes dead. Where all of a state take more than their bytes, the oldest go: what is parked
-- becomes dead, the others are removed, and of the dead (forgotten) somebody is told.
-- The indexes are by acceptance, so old requests that were closed lately are looked past, up to a bound.
local most, removed, unmatched, tired, forgotten = tonumber(ARGV[1]), 0, 0, 0, 0

-- A delivery key stays behind when its record is removed as done, until it expires. `copies` tells how many did, by the hour
-- of acceptance; where they take more than their bytes, keys go with their records.
local COPY, COPY_HOURS = 240, 73
local most_copies, copies = tonumber(ARGV[11]), 0
local this_hour = math.floor(NOW / 3600000)

for hour, n in pairs(pairs_of(P .. 'copies')) do
  if tonumber(hour) + COPY_HOURS < this_hour then redis.call('HDEL', P .. 'copies', hour) else copies = copies + n end
end

local function leave_copy(id, state, r)
  forget_copies(id, state, r.dedupe)
  if state ~= 'done' or not r.dedupe then return end
  if most_copies >= 0 and (copies + 1) * COPY > most_copies then return forget_copies(id, '', r.dedupe) end
  copies = copies + 1
  redis.call('HINCRBY', P .. 'copies', math.floor(tonumber(r.at) / 3600000), 1)
end

local function remove(id, state, r)
  leave_copy(id, state, r)
  if r.parent then redis.call('ZREM', P .. 'children:' .. r.parent, id) end
  redis.call('ZREM', P .. 'state:' .. state, id)
  redis.call('HINCRBY', P .. 'bytes', state, -(r.bytes or 0))
  redis.call('UNLINK', record(id), P .. 'body:' .. id, P .. 'journal:' .. id, P .. 'children:' .. id)
  removed = removed + 1
end

local function old(state, age)
  if age < 0 then return {} end
  return redis.call('ZRANGEBYSCORE', P .. 'state:' .. state, '-inf', NOW - age, 'LIMIT', 0, most * 10)
end

local function end_by_age(state, age)
  local left = most
  for _, id in ipairs(old(state, age)) do
    local r = facts_of(id, 'changed', 'parent')
    if left > 0 and tonumber(r.changed or 0) <= NOW - age then
      remove(id, state, r)
      left = left - 1
    end
  end
end

-- Calls *go* with the oldest of *state*, as long as all of them take more than *bytes*; *go* returns the bytes of a body.
local function end_by_bytes(state, bytes, go)
  if bytes < 0 then return end
  local over = weight(state) - bytes
  if over <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', P .. 'state:' .. state, 0, most - 1)) do
    over = over - go(id) - BESIDE[state]
    if over <= 0 then return end
  end
end

local function remover(state)
  return function(id)
    local r = facts_of(id, 'parent')
    remove(id, state, r)
    if state == 'dead' then forgotten = forgotten + 1 end
    return r.bytes or 0
  end
end

local function unpark(id, reason)
  local r = facts_of(id, 'identifier')
  redis.call('ZREM', parked_key(r.integration, r.identifier), id)
  move(id, 'parked', 'dead', r.at, r.bytes, r.lane)
  redis.call('HSET', record(id), 'state', 'dead', 'changed', NOW, 'reason', (string.gsub(reason, '@', function() return r.identifier end)))
  unmatched = unmatched + 1
  return r.bytes
end

-- A probe of a closed gate comes back to wait anew, so it has the time of its first wait with it.
local function end_waiting(age)
  local left = most
  for _, id in ipairs(old('waiting', age)) do
    local r = facts_of(id, 'changed', 'waits', 'reason', 'ordered', 'installation', 'state', 'gate')
    -- The one before it in its order may have let it go just now.
    if left > 0 and r.state == 'waiting' and tonumber(r.waits or r.changed) <= NOW - age then
      left_behind(id)
      redis.call('HDEL', record(id), 'gate', 'waits', 'ordered')
      move(id, 'waiting', 'dead', r.at, r.bytes, r.lane)
      redis.call('HSET', record(id), 'state', 'dead', 'changed', NOW, 'reason', 'it waited too long: ' .. (r.reason or ''))
      without_ticket(id)
      if r.ordered then next_in_order(id, r.installation, not r.gate) end
      tired, left = tired + 1, left - 1
    end
  end
end

for i, state in ipairs({'done', 'ignored', 'dead'}) do end_by_age(state, tonumber(ARGV[1 + i])) end
for i, id in ipairs(old('parked', tonumber(ARGV[5]))) do
  if i <= most then unpark(id, 'nobody connected @ while it was parked') end
end
end_waiting(tonumber(ARGV[6]))
end_by_bytes('parked', tonumber(ARGV[10]), function(id) return unpark(id, 'nobody connected @, and the parking lot is full') end)
for i, state in ipairs({'done', 'ignored', 'dead'}) do end_by_bytes(state, tonumber(ARGV[6 + i]), remover(state)) end
if unmatched + tired > 0 then count('dead', unmatched + tired) end
if forgotten > 0 then dropped('dead', forgotten) end
return {removed, unmatched, tired, forgotten}
