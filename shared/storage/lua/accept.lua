-- accept(most records, most bytes, dedupe lifetime ms, n, then per request:
--        id, job, body, dedupe key, integration, lane, installation, bot) -> {status, id, …}
-- Stores every request or says why not: stored | duplicate | revived | full. Calling twice with the same id is one request.
local most, most_bytes, lifetime, n = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local replies, stored, again = {}, 0, 0

local function open_load()
  local records, bytes = 0, 0
  for _, state in ipairs({'ready', 'leased', 'retrying', 'waiting', 'parked'}) do
    records = records + redis.call('ZCARD', P .. 'state:' .. state)
    bytes = bytes + tonumber(redis.call('HGET', P .. 'bytes', state) or 0)
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

local function first_copy(dedupe, id)
  if dedupe == '' then return nil end
  local first = redis.call('GET', P .. 'dedupe:' .. dedupe)
  if not first or first == id then return nil end
  if redis.call('HGET', record(first), 'state') == 'ignored' then return nil end
  return revived(first) and 'revived' or 'duplicate', first
end

local records, bytes = open_load()
for i = 0, n - 1 do
  local a = 5 + i * 8
  local id, body, dedupe = ARGV[a], ARGV[a + 2], ARGV[a + 3]
  local status, known = first_copy(dedupe, id)
  if not status and redis.call('EXISTS', record(id)) == 1 then status, known = 'stored', id end
  if not status and (records >= most or bytes + #body > most_bytes) then status, known = 'full', '' end
  if not status then
    local seq = redis.call('HINCRBY', P .. 'totals', 'accepted', 1)
    redis.call('HSET', record(id), 'job', ARGV[a + 1], 'state', 'ready', 'at', NOW, 'changed', NOW,
      'bytes', #body, 'seq', seq, 'integration', ARGV[a + 4], 'lane', ARGV[a + 5],
      'installation', ARGV[a + 6], 'bot', ARGV[a + 7])
    redis.call('SET', P .. 'body:' .. id, body)
    move(id, nil, 'ready', NOW, #body)
    ticket(id)
    enqueue(id, ARGV[a + 5])
    if dedupe ~= '' then
      redis.call('HSET', record(id), 'dedupe', dedupe)
      redis.call('SET', P .. 'dedupe:' .. dedupe, id, 'PX', lifetime)
    end
    records, bytes, stored = records + 1, bytes + #body, stored + 1
    status, known = 'stored', id
  end
  if status == 'revived' then again = again + 1 end
  replies[#replies + 1] = status
  replies[#replies + 1] = known
end
if stored > 0 then
  local minute = P .. 'throughput:' .. math.floor(NOW / 60000)
  redis.call('HINCRBY', minute, 'accepted', stored)
  redis.call('EXPIRE', minute, 3900)
end
if stored + again > 0 then wake() end
return replies
