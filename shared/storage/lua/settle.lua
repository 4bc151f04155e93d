-- settle(n, then per record: id, epoch, end, reason, delay ms, stream, event key, event, gate) -> {1 | 0, …}
-- Ends a lease: done | ignored | dead close the record, retry brings it back after the delay, release brings it back at once
-- without counting an attempt, wait puts it behind a gate. 0 is a lost lease: nothing was written. A *stream* gets *event* once per event key.
local replies, closed = {}, {}

local function emit(stream, key, event)
  if stream ~= '' and redis.call('SET', P .. 'emitted:' .. escaped(key), '1', 'NX', 'EX', 604800) then
    redis.call('XADD', P .. 'events:' .. stream, '*', 'event', event)
  end
end

local leases, gone = {}, {}

local function close(id, state, reason, r)
  moving(id, 'leased', state, r[3], tonumber(r[4]))
  -- Most end without a reason, and what does not change is not written.
  if reason == '' and (r[9] or '') == '' then redis.call('HSET', record(id), 'state', state, 'changed', NOW)
  else redis.call('HSET', record(id), 'state', state, 'changed', NOW, 'reason', reason) end
  if state == 'dead' then redis.call('HINCRBY', record(id), 'attempts', 1) end
  gone[#gone + 1] = 'arq:job:' .. TAG .. id
  gone[#gone + 1] = P .. 'journal:' .. id
  closed[state] = (closed[state] or 0) + 1
  if r[7] then next_in_order(id, r[6]) end
end

local function retry(id, reason, delay, r)
  moving(id, 'leased', 'retrying', r[3], tonumber(r[4]))
  redis.call('HSET', record(id), 'state', 'retrying', 'changed', NOW, 'reason', reason, 'due', NOW + delay,
    'attempts', tonumber(r[8] or 0) + 1)
  redis.call('HDEL', record(id), 'probe')
  redis.call('ZADD', P .. 'due', NOW + delay, TAG .. id)
  closed['retried'] = (closed['retried'] or 0) + 1
end

local released = false
for i = 0, tonumber(ARGV[1]) - 1 do
  local a = 2 + i * 9
  local id, outcome, reason = ARGV[a], ARGV[a + 2], ARGV[a + 3]
  local r = redis.call('HMGET', record(id), 'state', 'epoch', 'at', 'bytes', 'lane', 'installation', 'ordered', 'attempts', 'reason')
  if r[1] == 'leased' and r[2] == ARGV[a + 1] then
    emit(ARGV[a + 5], ARGV[a + 6], ARGV[a + 7])
    leases[#leases + 1] = id
    if outcome == 'retry' then retry(id, reason, tonumber(ARGV[a + 4]), r)
    elseif outcome == 'wait' then put_behind(id, ARGV[a + 8], reason, r)
    elseif outcome == 'release' then
      ready(id, 'leased', r[3], tonumber(r[4]), r[5])
      released = true
    else close(id, outcome, reason, r) end
    replies[i + 1] = 1
  else
    replies[i + 1] = 0
  end
end
moved()
if #gone > 0 then redis.call('UNLINK', unpack(gone)) end
if #leases > 0 then redis.call('ZREM', P .. 'leases', unpack(leases)) end
for what, n in pairs(closed) do count(what, n) end
if released or closed['retried'] then wake() end
return replies
