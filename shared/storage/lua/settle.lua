-- settle(most records, most bytes, n, then per record: id, epoch, end, reason, and what that end needs) -> {1 | 0, …}
-- Ends a lease: done | ignored | dead close the record; told (bot, event) and found (bot, event, integration, identifier,
-- installation, 1 where others may have it too) close it as done with an event in the bot's stream; retry (delay ms) brings
-- it back after that time, release at once without counting an attempt, wait (gate, delay ms) puts it behind a gate, or
-- without one brings it back after that time, no attempt counted.
-- 0 is a lost lease: nothing was written. So is a `found` that is somebody else's by now: it goes round again. 1 also where
-- this ending was written before. What should come again or wait is dead instead where its lane holds too much.
local ARGV, call = ARGV, redis.call -- locals are found faster
-- What is read of a record *r*; its `came` becomes AT and BYTES.
local STATE, EPOCH, AT, REASON, ORDERED, PASSED, LANE, BYTES = 1, 2, 3, 4, 5, 6, 7, 8
-- Where these endings lead; one that is written already may come again, since its answer was lost.
local LEADS = {done = 'done', told = 'done', found = 'done', ignored = 'ignored', dead = 'dead', retry = 'retrying'}
local NEEDS = {told = 2, found = 6, retry = 1, wait = 2}
local most, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local replies, closed, gone, owners_of = {}, {}, {}, {}
local woken, answered = false, {} -- answered: how many of those that a gate let through, by gate

-- True when *installation* has the identifier, alone unless others may have it too.
local function is_its_own(integration, identifier, installation, shared)
  local key = identifier_key(integration, identifier)
  local owners = owners_of[key] or call('SMEMBERS', key)
  owners_of[key] = owners
  if shared ~= '1' then return #owners == 1 and owners[1] == installation end
  for _, owner in ipairs(owners) do
    if owner == installation then return true end
  end
  return false
end

-- What few records need is made when the first one does.
local function made_seldom()
  -- (here comes what else this needs)
  local seldom = {}
  function seldom.retry(id, reason, delay, r)
    moving(id, 'leased', 'retrying', r[AT], tonumber(r[BYTES]))
    call('HSET', record(id), 'state', 'retrying', 'changed', NOW, 'reason', reason, 'due', NOW + delay,
      'attempts', tonumber(call('HGET', record(id), 'attempts') or 0) + 1)
    call('HDEL', record(id), 'probe', 'passed')
    call('ZADD', P .. 'due', NOW + delay, TAG .. id)
  end
  function seldom.give_back(id, r) ready(id, 'leased', r[AT], tonumber(r[BYTES]), r[LANE]) end
  function seldom.let_next_go(id) next_in_order(id, call('HGET', record(id), 'installation')) end
  -- Ends as dead what would come again, or wait, where too much of its lane is open already.
  function seldom.is_given_up(id, r)
    if not is_loud(r[LANE], most, most_bytes, 0, 0) then return false end
    give_up(id, r[LANE], r[AT], tonumber(r[BYTES]))
    if r[ORDERED] then seldom.let_next_go(id) end
    return true
  end
  function seldom.wait(id, gate, reason, delay) put_behind(id, gate, reason, delay) end
  function seldom.widen(gate, n) return give_credit(gate, 'open', GROWTH * n) end
  return seldom
end

local made = nil
local function seldom()
  made = made or made_seldom()
  return made
end

local function close(id, state, reason, r, ...)
  moving(id, 'leased', state, r[AT], tonumber(r[BYTES]), r[LANE])
  -- Most end without a reason, and what does not change is not written.
  if reason == '' and (r[REASON] or '') == '' then call('HSET', record(id), 'state', state, 'changed', NOW, ...)
  else call('HSET', record(id), 'state', state, 'changed', NOW, 'reason', reason, ...) end
  if state == 'dead' then call('HINCRBY', record(id), 'attempts', 1) end
  gone[#gone + 1] = 'arq:job:' .. TAG .. id
  gone[#gone + 1] = P .. 'journal:' .. id
  closed[state] = (closed[state] or 0) + 1
  if r[ORDERED] then seldom().let_next_go(id) end
  if r[PASSED] and state ~= 'dead' then answered[r[PASSED]] = (answered[r[PASSED]] or 0) + 1 end
end

local at = 4
for i = 1, tonumber(ARGV[3]) do
  local id, epoch, outcome, reason, a = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], at + 4
  at = a + (NEEDS[outcome] or 0)
  local r = call('HMGET', record(id), 'state', 'epoch', 'came', 'reason', 'ordered', 'passed', 'lane')
  replies[i] = 0
  if r[STATE] == 'leased' and r[EPOCH] == epoch then
    replies[i] = 1
    local lane = r[LANE]
    r[AT], r[BYTES], r[LANE] = string.match(r[AT], '^(%d+) (%d+) %d+ (%S*)') -- at, bytes, and the lane that it came with
    r[LANE] = lane or r[LANE]
    if outcome == 'found' then
      local bot, event, integration, identifier, owner = unpack(ARGV, a, a + 4)
      if is_its_own(integration, identifier, owner, ARGV[a + 5]) then
        tell(bot, event)
        close(id, 'done', reason, r, 'job', 'delivery', 'identifier', identifier, 'installation', owner, 'bot', bot, 'lane', owner)
      else
        seldom().give_back(id, r)
        replies[i], woken = 0, true
      end
    elseif outcome == 'told' then
      tell(ARGV[a], ARGV[a + 1])
      close(id, 'done', reason, r)
    elseif (outcome == 'retry' or outcome == 'wait') and seldom().is_given_up(id, r) then -- it has ended
    elseif outcome == 'retry' then
      seldom().retry(id, reason, tonumber(ARGV[a]), r)
      closed['retried'], woken = (closed['retried'] or 0) + 1, true
    elseif outcome == 'wait' then seldom().wait(id, ARGV[a], reason, tonumber(ARGV[a + 1]))
    elseif outcome == 'release' then
      seldom().give_back(id, r)
      woken = true
    else close(id, outcome, reason, r) end
  elseif r[EPOCH] == epoch and r[STATE] == LEADS[outcome] then replies[i] = 1
  end
end
moved()
all_told()
if #gone > 0 then call('UNLINK', unpack(gone)) end
for what, n in pairs(closed) do count(what, n) end
for gate, n in pairs(answered) do woken = seldom().widen(gate, n) or woken end
if woken then wake() end
return replies
