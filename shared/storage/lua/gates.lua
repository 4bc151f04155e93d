-- Not a script: the part on gates, put behind the prelude of the scripts that close and pass them.
-- A gate stands before one target: a bot's URL, an integration's server. While it is closed, records wait behind it, in the
-- order they were accepted; they hold no slot and lose no attempt. A pause ends by itself. A breaker lets one record
-- through now and then, and opens when that one gets through.
local RELEASED = 200 -- records that one claim brings back
local PROBE_MS = 30000 -- between two probes

local function gate_key(gate) return P .. 'gate:' .. escaped(gate) end
local function behind_key(gate) return P .. 'behind:' .. escaped(gate) end

-- A record that is removed waits no longer.
local function left_behind(id)
  local gate = redis.call('HGET', record(id), 'gate')
  if gate then redis.call('ZREM', behind_key(gate), id) end
end

-- Brings the first *most* records behind *gate* back; returns how many.
local function let_through(gate, most, as_probe)
  local key = behind_key(gate)
  local first = redis.call('ZRANGE', key, 0, most - 1)
  for _, id in ipairs(first) do
    local r = redis.call('HMGET', record(id), 'state', 'at', 'bytes', 'lane')
    redis.call('ZREM', key, id)
    redis.call('HDEL', record(id), 'gate')
    if as_probe then redis.call('HSET', record(id), 'probe', gate) end
    ready(id, r[1], r[2], tonumber(r[3]), r[4])
  end
  return #first
end

local function forget_gate(gate)
  redis.call('UNLINK', gate_key(gate))
  redis.call('ZREM', P .. 'gates', gate)
end

-- Brings back what waits behind gates whose time has come.
local function pass_gates()
  for _, gate in ipairs(redis.call('ZRANGEBYSCORE', P .. 'gates', '-inf', NOW, 'LIMIT', 0, 10)) do
    if redis.call('HGET', gate_key(gate), 'kind') == 'breaker' then
      if let_through(gate, 1, true) == 1 then
        redis.call('ZADD', P .. 'gates', NOW + PROBE_MS, gate)
      else
        forget_gate(gate)
      end
    elseif let_through(gate, RELEASED, false) < RELEASED then
      forget_gate(gate)
    end
  end
end

-- Puts a leased record behind *gate*. If that has opened meanwhile it comes back in a second: its worker will know by then.
local function put_behind(id, gate, reason, r)
  redis.call('HDEL', record(id), 'probe')
  if redis.call('EXISTS', gate_key(gate)) == 1 then
    move(id, 'leased', 'waiting', r[3], tonumber(r[4]))
    redis.call('HSET', record(id), 'state', 'waiting', 'changed', NOW, 'reason', reason, 'gate', gate)
    redis.call('ZADD', behind_key(gate), redis.call('HGET', record(id), 'seq'), id)
    redis.call('UNLINK', 'arq:job:' .. TAG .. id)
  else
    move(id, 'leased', 'retrying', r[3], tonumber(r[4]))
    redis.call('HSET', record(id), 'state', 'retrying', 'changed', NOW, 'reason', reason, 'due', NOW + 1000)
    redis.call('ZADD', P .. 'due', NOW + 1000, TAG .. id)
  end
end
