-- Stands in front of every script. KEYS[1] is the cell's prefix; `shared/storage/keys.py` tells what each key holds.
-- Time is the store's own; tests move it by SKEW (milliseconds).
local SKEW = 0
local P = KEYS[1] .. ':'
local TAG = string.match(KEYS[1], '{.-}')
local clock = redis.call('TIME')
local NOW = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + SKEW

local function escaped(part)
  return (string.gsub(part, '[%%:{}]', function(c) return string.format('%%%02X', string.byte(c)) end))
end

local function record(id) return P .. 'record:' .. id end

-- How a record came is one field, `came`: when (ms), the bytes of its body, its number, its kind ("LANE JOB INTEGRATION "), its
-- delivery key. Only its job and its lane change; then these are fields of their own. Each field that a command reads or
-- writes costs as much as a few hundred bytes.
local function came_of(at, bytes, seq, kind, dedupe)
  return at .. string.format(' %d %d ', bytes, seq) .. kind .. dedupe
end

local function unfolded(r)
  if r.came then
    local lane
    r.at, r.bytes, r.seq, lane, r.integration, r.dedupe =
      string.match(r.came, '^(%d+) (%d+) (%d+) (%S*) %S* (%S*) (.*)$')
    r.bytes, r.lane = tonumber(r.bytes), r.lane or lane
    if r.dedupe == '' then r.dedupe = nil end
  end
  return r
end

-- Fields of a record by their names, beside its lane and what else `came` tells: at, bytes, seq, integration, dedupe.
local function facts_of(id, ...)
  local r, said = {}, redis.call('HMGET', record(id), 'came', 'lane', ...)
  for i, name in ipairs({'came', 'lane', ...}) do r[name] = said[i] or nil end
  return unfolded(r)
end

local IS_OPEN = {ready = true, leased = true, retrying = true, waiting = true, parked = true}

-- What is open takes room of its lane, which has *n* records more, or less: collect with `charge`, write with `charged`.
local charges = {}

local function charge(lane, n, bytes)
  local c = charges[lane]
  if c then c[1], c[2] = c[1] + n, c[2] + bytes else charges[lane] = {n, bytes} end
end

local function charged()
  local names, more, held, empty = {}, {}, {}, {}
  for lane, c in pairs(charges) do
    local i = #names
    names[i + 1], names[i + 2], more[i + 1], more[i + 2] = 'n:' .. lane, 'b:' .. lane, c[1], c[2]
  end
  if #names == 0 then return end
  local before = redis.call('HMGET', P .. 'lanes-open', unpack(names))
  for i = 1, #names, 2 do
    local n, h, e = (before[i] or 0) + more[i], #held, #empty
    if n > 0 then held[h + 1], held[h + 2], held[h + 3], held[h + 4] = names[i], n, names[i + 1], (before[i + 1] or 0) + more[i + 1]
    else empty[e + 1], empty[e + 2] = names[i], names[i + 1] end
  end
  if #held > 0 then redis.call('HSET', P .. 'lanes-open', unpack(held)) end
  if #empty > 0 then redis.call('HDEL', P .. 'lanes-open', unpack(empty)) end
  charges = {}
end

local function charge_for(from, to, bytes, lane)
  if IS_OPEN[to] and not IS_OPEN[from] then charge(lane, 1, bytes)
  elseif IS_OPEN[from] and not IS_OPEN[to] then charge(lane, -1, -bytes) end
end

-- Moves a record between the indexes; the caller sets its other fields. Its lane is asked for where it becomes open or closed.
-- *at* is its place in the new one: the time of acceptance, or for `leased` when the lease ends.
local function move(id, from, to, at, bytes, lane)
  if from then
    redis.call('ZREM', P .. 'state:' .. from, id)
    redis.call('HINCRBY', P .. 'bytes', from, -bytes)
  end
  redis.call('ZADD', P .. 'state:' .. to, at, id)
  redis.call('HINCRBY', P .. 'bytes', to, bytes)
  charge_for(from or '', to, bytes, lane)
  charged()
end

-- The same for many records in a few commands: collect with `moving`, write with `moved`.
local added, removed, grown = {}, {}, {}

local function moving(id, from, to, at, bytes, lane)
  if from then
    local gone = removed[from]
    if gone then gone[#gone + 1] = id else removed[from] = {id} end
    grown[from] = (grown[from] or 0) - bytes
  end
  local come = added[to]
  if come then
    local n = #come
    come[n + 1], come[n + 2] = at, id
  else
    added[to] = {at, id}
  end
  grown[to] = (grown[to] or 0) + bytes
  charge_for(from or '', to, bytes, lane)
end

local function moved()
  for state, ids in pairs(removed) do redis.call('ZREM', P .. 'state:' .. state, unpack(ids)) end
  for state, members in pairs(added) do redis.call('ZADD', P .. 'state:' .. state, unpack(members)) end
  for state, bytes in pairs(grown) do redis.call('HINCRBY', P .. 'bytes', state, bytes) end
  charged()
end

-- Puts the tickets of *ids* into arq's queue, each one's lane is the one at its place. Lanes take turns: a lane's next ticket comes one step of
-- virtual time after its last one, and no lane may save up time while it is idle (start-time fair queueing).
local function enqueue_all(ids, lanes)
  if #ids == 0 then return end
  local vtime, last, turns, names, places = tonumber(redis.call('GET', P .. 'vtime') or 0), {}, {}, {}, {}
  for _, lane in ipairs(lanes) do
    if not last[lane] then last[lane], names[#names + 1] = vtime, lane end
  end
  for i, turn in ipairs(redis.call('HMGET', P .. 'lanes', unpack(names))) do
    if turn then last[names[i]] = math.max(tonumber(turn), vtime) end
  end
  for i, id in ipairs(ids) do
    local lane = lanes[i]
    local turn = last[lane] + 1
    last[lane], turns[2 * i - 1], turns[2 * i] = turn, turn, TAG .. id
  end
  for lane, turn in pairs(last) do places[#places + 1], places[#places + 2] = lane, turn end
  redis.call('HSET', P .. 'lanes', unpack(places))
  redis.call('ZADD', P .. 'queue', unpack(turns))
end

local function enqueue(id, lane) enqueue_all({id}, {lane}) end

-- The job that arq's own tools read, and its key; it names the record and holds nothing else.
local ticket_end = '"],"k":{},"et":' .. string.format('%d', NOW) .. '}'
local function ticket_of(id) return 'arq:job:' .. TAG .. id, '{"t":null,"f":"carry","a":["' .. id .. ticket_end end

local function ticket(id) redis.call('SET', ticket_of(id)) end

local function without_ticket(id)
  redis.call('UNLINK', 'arq:job:' .. TAG .. id, P .. 'journal:' .. id)
  redis.call('ZREM', P .. 'queue', TAG .. id)
  redis.call('ZREM', P .. 'suspects', TAG .. id)
  redis.call('ZREM', P .. 'due', TAG .. id)
end

local function wake() redis.call('PUBLISH', P .. 'wake', '1') end

-- Counts for this minute alone.
local function count_now(what, n)
  local minute = P .. 'throughput:' .. math.floor(NOW / 60000)
  if redis.call('HINCRBY', minute, what, n) == n then redis.call('EXPIRE', minute, 3900) end
end

local function count(what, n)
  redis.call('HINCRBY', P .. 'totals', what, n)
  count_now(what, n)
end

-- Bytes that a record takes beside its body, with its delivery key and its places in the indexes.
local OPEN, CLOSED = 1024, 832
local BESIDE = {ready = OPEN, leased = OPEN, retrying = OPEN, waiting = OPEN, parked = OPEN, done = CLOSED, ignored = CLOSED, dead = CLOSED}

-- The fields of a hash.
local function pairs_of(key)
  local flat, fields = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

-- The bytes that all records of a state take.
local function weight(state)
  local bodies = tonumber(redis.call('HGET', P .. 'bytes', state) or 0)
  return bodies + redis.call('ZCARD', P .. 'state:' .. state) * BESIDE[state]
end

-- What may have stopped its workers so often (MOST_CRASHES of `ledger.py`, less one) has one try left, and that alone.
local SUSPECT = 2

local function is_suspect(crashes) return tonumber(crashes or 0) >= SUSPECT end

local function suspect(id)
  redis.call('HSET', record(id), 'reason', 'its workers stopped; it is tried alone')
  redis.call('ZADD', P .. 'suspects', NOW, TAG .. id)
end

-- Makes a record ready again from whatever state it is in.
local function ready(id, from, at, bytes, lane)
  move(id, from, 'ready', at, bytes, lane)
  redis.call('HSET', record(id), 'state', 'ready', 'changed', NOW, 'reason', '')
  ticket(id)
  if is_suspect(redis.call('HGET', record(id), 'crashes')) then suspect(id) else enqueue(id, lane) end
end

-- Gives a closed or parked record new attempts.
local function revive(id, from, at, bytes, lane)
  redis.call('HSET', record(id), 'attempts', 0, 'crashes', 0)
  redis.call('HDEL', record(id), 'ordered', 'probe', 'passed', 'waits')
  ready(id, from, at, bytes, lane)
end

-- A delivery key outlives its record only where the record was done: what was not may come again.
local function forget_copies(id, state, dedupe)
  if state ~= 'done' and dedupe and redis.call('GET', P .. 'dedupe:' .. dedupe) == id then
    redis.call('UNLINK', P .. 'dedupe:' .. dedupe)
  end
end

-- Lets the next record go that waits for its turn behind *id* (requests released from the parking lot), unless *id* itself
-- *only waited* for its turn: then another one is on its way, before or behind the first that waits.
local function next_in_order(id, installation, only_waited)
  local order = P .. 'order:' .. installation
  redis.call('ZREM', order, id)
  if only_waited then return end
  local following = redis.call('ZRANGE', order, 0, 0)[1]
  if not following then return end
  local f = facts_of(following, 'state', 'gate')
  if f.state == 'waiting' and not f.gate then
    ready(following, 'waiting', f.at, f.bytes, f.lane)
    wake()
  end
end

-- True when *epoch* still holds the lease of *id*.
local function holds(id, epoch)
  local r = redis.call('HMGET', record(id), 'state', 'epoch')
  return r[1] == 'leased' and r[2] == epoch
end
