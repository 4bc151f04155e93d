-- Not a script: the part on identifiers, put behind the prelude of the scripts that bind, route and release.

local function identifier_key(integration, identifier)
  return P .. 'identifier:' .. escaped(integration) .. ':' .. escaped(identifier)
end

local function parked_key(integration, identifier)
  return P .. 'parked:' .. escaped(integration) .. ':' .. escaped(identifier)
end

local function bot_of(installation)
  local facts = redis.call('HGET', P .. 'installation:' .. installation, 'record')
  return facts and cjson.decode(facts)['botId'] or ''
end

local function unbound_key(integration, identifier)
  return P .. 'unbound:' .. escaped(integration) .. ':' .. escaped(identifier)
end

-- Remembers up to which request an identifier was *bot*'s, and up to which it was somebody's before that, so that
-- nobody else is given them later.
local function unbind(integration, identifier, installation)
  redis.call('SREM', identifier_key(integration, identifier), installation)
  local unbound, bot = unbound_key(integration, identifier), bot_of(installation)
  local past = redis.call('HMGET', unbound, 'seq', 'bot')
  if past[1] and past[2] ~= bot then redis.call('HSET', unbound, 'before', past[1]) end
  redis.call('HSET', unbound, 'seq', redis.call('HGET', P .. 'totals', 'accepted') or 0, 'bot', bot)
end

-- From which request on the parked ones may go to *bot*.
local function releasable_from(integration, identifier, bot)
  local past = redis.call('HMGET', unbound_key(integration, identifier), 'seq', 'bot', 'before')
  local theirs = past[2] == bot and past[3] or past[2] ~= bot and past[1]
  return theirs and '(' .. theirs or '-inf'
end

-- Parked requests become deliveries of *installation*, one after the other in the order they came.
local function release(integration, identifier, installation)
  local parked, bot = parked_key(integration, identifier), bot_of(installation)
  local from = releasable_from(integration, identifier, bot)
  local order, released = P .. 'order:' .. installation, 0
  local busy = redis.call('ZCARD', order) > 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', parked, from, '+inf')) do
    local r = facts_of(id, 'state')
    redis.call('ZREM', parked, id)
    if r.state == 'parked' then
      charge(r.lane, -1, -r.bytes)
      charge(installation, 1, r.bytes)
      redis.call('HSET', record(id), 'job', 'delivery', 'installation', installation, 'bot', bot,
        'lane', installation, 'ordered', 1)
      redis.call('ZADD', order, r.seq, id)
      if busy then
        move(id, 'parked', 'waiting', r.at, r.bytes)
        redis.call('HSET', record(id), 'state', 'waiting', 'changed', NOW, 'waits', NOW, 'reason', 'behind earlier requests of its installation')
      else
        ready(id, 'parked', r.at, r.bytes, installation)
        busy = true
      end
      released = released + 1
    end
  end
  charged()
  if released > 0 then wake() end
  return released
end

-- Remembers that an installation's connection is lost, and why (needs_reauth, taken_over, uninstalled), until its bot was told.
local function lose(installation, loss, reason, identifier)
  local home = P .. 'installation:' .. escaped(installation)
  local before = redis.call('HMGET', home, 'record', 'connection')
  if not before[1] or before[2] == 'needs_reauth' then return false end
  redis.call('HSET', home, 'connection', 'needs_reauth', 'reason', reason, 'updated', NOW, 'lost', NOW, 'loss', loss,
    'lost-identifier', identifier)
  redis.call('ZADD', P .. 'renewals', NOW, installation)
  redis.call('SADD', P .. 'needs-reauth', installation)
  return true
end

local function audited(action, subject, detail)
  redis.call('XADD', P .. 'audit', 'MAXLEN', '~', 100000, '*', 'actor', 'waypost', 'action', action, 'subject', subject,
    'detail', cjson.encode(detail))
end

-- Counts what went before its time, and says so in the audit once a minute.
local function dropped(what, n)
  local minute = P .. 'throughput:' .. math.floor(NOW / 60000)
  local is_news = redis.call('HEXISTS', minute, 'dropped_' .. what) == 0
  count('dropped_' .. what, n)
  if is_news then audited('retention.dropped', what, {atLeast = n}) end
end

-- bind -> {ok, released, evicted…} or {taken, owner}. An empty identifier clears the binding.
local function bind(integration, identifier, installation, ownership, in_flow)
  local home = P .. 'installation:' .. installation
  local before = redis.call('HGET', home, 'identifier') or ''
  local evicted = {}
  if identifier ~= '' then
    for _, owner in ipairs(redis.call('SMEMBERS', identifier_key(integration, identifier))) do
      if owner ~= installation and ownership == 'share' then
        if before ~= identifier then audited('identifier.shared', installation, {identifier = identifier, with = owner}) end
      elseif owner ~= installation then
        if ownership == 'exclusive' or not in_flow then
          audited('identifier.refused', installation, {identifier = identifier, owner = owner})
          return {'taken', owner}
        end
        evicted[#evicted + 1] = owner
      end
    end
  end
  for _, owner in ipairs(evicted) do
    unbind(integration, identifier, owner)
    redis.call('HSET', P .. 'installation:' .. escaped(owner), 'identifier', '', 'updated', NOW)
    lose(owner, 'taken_over', 'another installation took over ' .. identifier, identifier)
    audited('identifier.taken_over', owner, {identifier = identifier, by = installation, bot = bot_of(installation)})
  end
  if before ~= '' and before ~= identifier then unbind(integration, before, installation) end
  redis.call('HSET', home, 'identifier', identifier, 'updated', NOW)
  if identifier == '' then return {'ok', 0} end
  redis.call('SADD', identifier_key(integration, identifier), installation)
  return {'ok', release(integration, identifier, installation), unpack(evicted)}
end
