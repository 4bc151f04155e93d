-- Not a script: the part on gates, put behind the prelude of the scripts that close and pass them.
-- A gate stands before one target: a bot's URL, an integration's server. While it is closed, records wait behind it, in the
-- order they were accepted; they hold no slot and lose no attempt. A pause ends by itself. A breaker lets one record
-- through now and then, and opens when that one gets through. A gate that opens lets one record go, then two more for each
-- that was answered, so that what waited is no herd. Behind the kind `slots` waits what found no slot of a worker; the worker
-- says how many may come. `credit` is how many may go now, whatever the time.
local RELEASED = 200 -- records that one claim brings back
local PROBE_MS = 30000 -- between two probes
local STEP_MS = 1000 -- after which one more goes though nobody was answered, and nobody said how many
local GROWTH = 2 -- records that follow one that was answered

local function gate_key(gate) return P .. 'gate:' .. escaped(gate) end
local function behind_key(gate) return P .. 'behind:' .. escaped(gate) end

-- A record that is removed waits no longer.
local function left_behind(id)
  local gate = redis.call('HGET', record(id), 'gate')
  if gate then redis.call('ZREM', behind_key(gate), id) end
end

-- Brings the first *most* records behind *gate* back, marked in the field *mark*; returns how many.
local function let_through(gate, most, mark)
  local key = behind_key(gate)
  local first = redis.call('ZRANGE', key, 0, most - 1)
  if #first == 0 then return 0 end
  local sizes, places, queued, lanes = 0, {}, {}, {}
  for _, id in ipairs(first) do
    local r = facts_of(id, 'crashes')
    -- A probe that fails has waited since it came here first.
    if mark == 'probe' then redis.call('HDEL', record(id), 'gate') else redis.call('HDEL', record(id), 'gate', 'waits') end
    redis.call('HSET', record(id), 'state', 'ready', 'changed', NOW, 'reason', '', mark, gate)
    sizes, places[#places + 1], places[#places + 2] = sizes + r.bytes, r.at, id
    ticket(id)
    if is_suspect(r.crashes) then suspect(id) else queued[#queued + 1], lanes[#lanes + 1] = id, r.lane end
  end
  redis.call('ZREM', key, unpack(first))
  redis.call('ZREM', P .. 'state:waiting', unpack(first))
  redis.call('ZADD', P .. 'state:ready', unpack(places))
  redis.call('HINCRBY', P .. 'bytes', 'waiting', -sizes)
  redis.call('HINCRBY', P .. 'bytes', 'ready', sizes)
  enqueue_all(queued, lanes)
  return #first
end

local function forget_gate(gate)
  redis.call('UNLINK', gate_key(gate))
  redis.call('ZREM', P .. 'gates', gate)
end

local function probe(gate)
  if let_through(gate, 1, 'probe') == 1 then redis.call('ZADD', P .. 'gates', NOW + PROBE_MS, gate)
  else forget_gate(gate) end
end

-- As many as have credit; one where none has, since the gate's time has come. Nobody behind it: it has done its work, but for
-- `slots`, of which its worker believes until then that it stands.
local function let_follow(gate, kind, until_ms, credit)
  local most = math.min(math.max(credit, 1), RELEASED)
  local went = let_through(gate, most, 'passed')
  if went == most then
    redis.call('HSET', gate_key(gate), 'credit', math.max(0, credit - went))
    redis.call('ZADD', P .. 'gates', credit > went and NOW or NOW + STEP_MS, gate)
  elseif kind == 'slots' and NOW < until_ms then
    redis.call('HSET', gate_key(gate), 'credit', 0)
    redis.call('ZADD', P .. 'gates', until_ms, gate)
  else
    forget_gate(gate)
  end
end

-- Brings back what waits behind gates whose time has come.
local function pass_gates()
  for _, gate in ipairs(redis.call('ZRANGEBYSCORE', P .. 'gates', '-inf', NOW, 'LIMIT', 0, 10)) do
    local g = redis.call('HMGET', gate_key(gate), 'kind', 'until', 'credit')
    if g[1] == 'breaker' then
      probe(gate)
    else
      if g[1] == 'pause' then redis.call('HSET', gate_key(gate), 'kind', 'open', 'credit', 0) end
      let_follow(gate, g[1], tonumber(g[2] or 0), g[1] == 'pause' and 0 or tonumber(g[3] or 0))
    end
  end
end

-- *many* more may go; true where somebody waits for that.
local function give_credit(gate, kind, many)
  if redis.call('HGET', gate_key(gate), 'kind') ~= kind or redis.call('EXISTS', behind_key(gate)) == 0 then return false end
  redis.call('HINCRBY', gate_key(gate), 'credit', many)
  redis.call('ZADD', P .. 'gates', NOW, gate)
  return true
end

-- Puts a leased record behind *gate*. A probe that failed goes last: it may be what the target breaks at. Where the gate has
-- opened meanwhile it comes back in a second: its worker will know by then. Without a gate it comes back after *delay* (ms).
local function put_behind(id, gate, reason, delay)
  local r = facts_of(id, 'probe', 'waits')
  local place = r.seq
  if r.probe == gate then
    place = (redis.call('ZRANGE', behind_key(gate), -1, -1, 'WITHSCORES')[2] or place) + 1
  end
  redis.call('HDEL', record(id), 'probe', 'passed')
  if redis.call('EXISTS', gate_key(gate)) == 1 then
    move(id, 'leased', 'waiting', r.at, r.bytes)
    redis.call('HSET', record(id), 'state', 'waiting', 'changed', NOW, 'reason', reason, 'gate', gate,
      'waits', r.waits or NOW)
    redis.call('ZADD', behind_key(gate), place, id)
    redis.call('UNLINK', 'arq:job:' .. TAG .. id)
  else
    local due = NOW + (gate == '' and delay or 1000)
    move(id, 'leased', 'retrying', r.at, r.bytes)
    redis.call('HSET', record(id), 'state', 'retrying', 'changed', NOW, 'reason', reason, 'due', due)
    redis.call('ZADD', P .. 'due', due, TAG .. id)
  end
end
