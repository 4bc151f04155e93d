-- claim(worker, limit, lease ms, most crashes, alone 0|1) -> {ms until something is due or -1, {id, epoch, came, body,
--   {name, value, … of what else a job needs and is not empty}}, …}
-- Brings expired leases, due retries and what waited behind gates back first, then leases up to *limit* ready records in order.
-- Whoever may have stopped its worker twice has its last try alone, so that it takes nobody with it: one worker at a time
-- takes that on, and gets the next one when it has nothing else in hand (*alone*).
local worker, limit, lease, most_crashes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local alone = ARGV[5] == '1'
local DUTY = 2000 -- ms from one claim of the worker on duty to its next; one that died with a suspect is soon replaced

local function bring_back(expired)
  -- (here comes what else this needs)
  for _, id in ipairs(expired) do
    local r = facts_of(id, 'state', 'installation', 'ordered')
    if r.state ~= 'leased' then
      redis.call('ZREM', P .. 'state:leased', id)
    else
      local crashes = redis.call('HINCRBY', record(id), 'crashes', 1)
      if crashes >= most_crashes then
        move(id, 'leased', 'dead', r.at, r.bytes, r.lane)
        redis.call('HSET', record(id), 'state', 'dead', 'changed', NOW,
          'reason', 'its worker stopped without an answer ' .. crashes .. ' times')
        without_ticket(id)
        count('dead', 1)
        if r.ordered then next_in_order(id, r.installation) end
      else
        ready(id, 'leased', r.at, r.bytes, r.lane)
      end
    end
  end
  local due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', NOW, 'LIMIT', 0, 500)
  for _, member in ipairs(due) do
    redis.call('ZREM', P .. 'due', member)
    local id = string.sub(member, #TAG + 1)
    local r = facts_of(id, 'state')
    if r.state == 'retrying' then ready(id, 'retrying', r.at, r.bytes, r.lane) end
  end
  pass_gates()
  if #expired + #due > limit then wake() end -- more than this worker takes now, and others may not know when it was due
end

local function has_duty()
  if limit == 0 or redis.call('ZCARD', P .. 'suspects') == 0 then return false end
  redis.call('SET', P .. 'duty', worker, 'NX')
  if redis.call('GET', P .. 'duty') ~= worker then return false end
  redis.call('PEXPIRE', P .. 'duty', DUTY)
  return true
end

-- Mostly there is nothing but what is ready and what is leased, and two questions tell.
local expired = redis.call('ZRANGEBYSCORE', P .. 'state:leased', '-inf', NOW, 'LIMIT', 0, 100)
local is_plain = #expired == 0 and redis.call('EXISTS', P .. 'due', P .. 'gates', P .. 'suspects') == 0
if not is_plain then bring_back(expired) end

local duty, popped = not is_plain and has_duty(), {}
if duty and alone then popped = redis.call('ZPOPMIN', P .. 'suspects', 1)
elseif not duty and limit > 0 then popped = redis.call('ZPOPMIN', P .. 'queue', limit) end
local claims, bodies, lanes = {}, {}, {}
local NO_USE = {changed = true, due = true, deliveries = true, worker = true, reason = true, waits = true,
  at = true, bytes = true, seq = true, integration = true, dedupe = true} -- the latter are in `came`; older records have both

-- One record as a worker gets it, and its state, size and lane.
local function row(id)
  local fields, rest, state, epoch, came, lane = redis.call('HGETALL', record(id)), {}, nil, 0, '', nil
  for f = 1, #fields, 2 do
    local name, value = fields[f], fields[f + 1]
    if name == 'came' then came = value
    elseif name == 'state' then state = value
    elseif name == 'epoch' then epoch = tonumber(value)
    elseif value ~= '' and not NO_USE[name] then
      if name == 'lane' then lane = value end
      rest[#rest + 1] = name
      rest[#rest + 1] = value
    end
  end
  local bytes, first = string.match(came, '^%d+ (%d+) %d+ (%S*)')
  return {id, epoch + 1, came, '', rest}, state, tonumber(bytes), lane or first
end

for i = 1, #popped, 2 do
  local id = string.sub(popped[i], #TAG + 1)
  local one, state, bytes, lane = row(id)
  if state == 'ready' then
    redis.call('HSET', record(id), 'state', 'leased', 'epoch', one[2], 'worker', worker, 'changed', NOW)
    claims[#claims + 1] = one
    bodies[#bodies + 1] = P .. 'body:' .. id
    moving(id, 'ready', 'leased', NOW + lease, bytes)
    if not duty then lanes[lane] = popped[i + 1] end
  else
    redis.call('UNLINK', 'arq:job:' .. popped[i])
  end
end

if #claims > 0 then
  moved()
  local found = redis.call('MGET', unpack(bodies))
  for i, body in ipairs(found) do claims[i][4] = body or '' end
end

if next(lanes) then
  redis.call('SET', P .. 'vtime', popped[#popped])
  -- A lane whose last ticket was just taken is idle and needs no place.
  local names, idle = {}, {}
  for name in pairs(lanes) do names[#names + 1] = name end
  for i, last in ipairs(redis.call('HMGET', P .. 'lanes', unpack(names))) do
    if last and tonumber(last) <= tonumber(lanes[names[i]]) then idle[#idle + 1] = names[i] end
  end
  if #idle > 0 then redis.call('HDEL', P .. 'lanes', unpack(idle)) end
end

local pause = -1
if not duty and #popped == limit * 2 and redis.call('ZCARD', P .. 'queue') > 0 then
  pause = 0
else
  for _, name in ipairs(is_plain and {'state:leased'} or {'due', 'state:leased', 'gates'}) do
    local first = redis.call('ZRANGE', P .. name, 0, 0, 'WITHSCORES')
    if first[2] then
      local wait = math.max(0, tonumber(first[2]) - NOW)
      if pause < 0 or wait < pause then pause = wait end
    end
  end
end
if not is_plain and not duty and redis.call('ZCARD', P .. 'suspects') > 0 then
  local left = math.max(1, redis.call('PTTL', P .. 'duty')) -- whoever has it may be the one that stopped
  if pause < 0 or left < pause then pause = left end
end
return {pause, unpack(claims)}
