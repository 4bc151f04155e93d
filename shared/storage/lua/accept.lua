-- accept(most records, most bytes, dedupe lifetime ms, n, then per request:
--        id, job, body, dedupe key, integration, lane, installation, bot) -> {status, id, …}
-- Stores every request or says why not: stored | duplicate | revived | full. Calling twice with the same id is one request.
local most, most_bytes, lifetime, n = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local replies, stored, again = {}, 0, 0

local function open_load()
  local open, records, bytes = {'ready', 'leased', 'retrying', 'waiting', 'parked'}, 0, 0
  for i, size in ipairs(redis.call('HMGET', P .. 'bytes', unpack(open))) do
    records = records + redis.call('ZCARD', P .. 'state:' .. open[i])
    bytes = bytes + tonumber(size or 0)
  end
  return records, bytes
end

-- True when *id*, or a delivery it was split into, was dead and is ready again.
local function revived(id)
  local r = redis.call('HMGET', record(id), 'state', 'at', 'bytes', 'lane')
  local found = r[1] == 'dead'
  if found then revive(id, 'dead', r[2], tonumber(r[3]), r[4]) end
  for _, child in ipairs(redis.call('ZRANGE', P .. 'children:' .. id, 0, -1)) do
    found = revived(child) or found
  end
  return found
end

-- What is known of request *id* before it is stored; the first of two that come in one call counts.
local ids, copies = {}, {}

local function known_as(id, dedupe)
  if ids[id] then return 'stored', id end
  if dedupe == '' then
    if redis.call('EXISTS', record(id)) == 1 then return 'stored', id end
    return nil
  end
  local first = copies[dedupe] or redis.call('GET', P .. 'dedupe:' .. dedupe)
  if not first then return nil end
  if first == id then return 'stored', id end
  if ids[first] then return 'duplicate', first end
  if redis.call('HGET', record(first), 'state') == 'ignored' then return nil end
  return revived(first) and 'revived' or 'duplicate', first
end

local records, bytes = open_load()
local fresh, tickets = {}, {}
for i = 0, n - 1 do
  local a = 5 + i * 8
  local id, body, dedupe = ARGV[a], ARGV[a + 2], ARGV[a + 3]
  local status, known = known_as(id, dedupe)
  if not status and (records >= most or bytes + #body > most_bytes) then status, known = 'full', '' end
  if not status then
    status, known = 'stored', id
    records, bytes, stored = records + 1, bytes + #body, stored + 1
    ids[id], copies[dedupe] = true, id
    fresh[stored], tickets[stored] = a, {id, ARGV[a + 5]}
  end
  if status == 'revived' then again = again + 1 end
  replies[#replies + 1] = status
  replies[#replies + 1] = known
end

if stored > 0 then
  local before = redis.call('HINCRBY', P .. 'totals', 'accepted', stored) - stored
  for i, a in ipairs(fresh) do
    local id, body, dedupe = ARGV[a], ARGV[a + 2], ARGV[a + 3]
    redis.call('HSET', record(id), 'job', ARGV[a + 1], 'state', 'ready', 'at', NOW, 'changed', NOW,
      'bytes', #body, 'seq', before + i, 'integration', ARGV[a + 4], 'lane', ARGV[a + 5],
      'installation', ARGV[a + 6], 'bot', ARGV[a + 7],
      unpack(dedupe ~= '' and {'dedupe', dedupe} or {}))
    redis.call('SET', P .. 'body:' .. id, body)
    if dedupe ~= '' then redis.call('SET', P .. 'dedupe:' .. dedupe, id, 'PX', lifetime) end
    ticket(id)
    moving(id, nil, 'ready', NOW, #body)
  end
  moved()
  enqueue_all(tickets)
  local minute = P .. 'throughput:' .. math.floor(NOW / 60000)
  redis.call('HINCRBY', minute, 'accepted', stored)
  redis.call('EXPIRE', minute, 3900)
end
if stored + again > 0 then wake() end
return replies
