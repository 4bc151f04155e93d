-- route(id, epoch, integration, may park 0|1, most parked, n, then per slice: identifier, body or '')
--   -> {self, installation} | {nobody} | {parked} | {split, deliveries} | {lost}
-- Looks up who owns each slice and, in the same breath, parks what nobody owns. One slice for one installation stays one record.
local id, epoch, integration, may_park = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local most_parked, n = tonumber(ARGV[5]), tonumber(ARGV[6])
if not holds(id, epoch) then return {'lost'} end

local r = redis.call('HMGET', record(id), 'at', 'bytes', 'seq')
local plan = {}
for i = 0, n - 1 do
  local identifier, body = ARGV[7 + i * 2], ARGV[8 + i * 2]
  local owners = redis.call('SMEMBERS', identifier_key(integration, identifier))
  table.sort(owners)
  for _, owner in ipairs(owners) do plan[#plan + 1] = {identifier, body, owner} end
  if #owners == 0 and may_park then plan[#plan + 1] = {identifier, body, ''} end
end
if #plan == 0 then return {'nobody'} end

local function park(which, identifier, at, bytes, seq)
  local parked = parked_key(integration, identifier)
  if redis.call('ZCARD', parked) >= most_parked then
    redis.call('HSET', record(which), 'state', 'dead', 'changed', NOW,
      'reason', 'too many requests wait for ' .. identifier .. ' already')
    count('dead', 1)
    return 'dead'
  end
  redis.call('ZADD', parked, seq, which)
  redis.call('HSET', record(which), 'state', 'parked', 'changed', NOW,
    'reason', 'no installation has the identifier ' .. identifier .. ' yet')
  return 'parked'
end

if #plan == 1 and plan[1][2] == '' then
  local identifier, owner = plan[1][1], plan[1][3]
  if owner ~= '' then
    redis.call('HSET', record(id), 'job', 'delivery', 'identifier', identifier,
      'installation', owner, 'bot', bot_of(owner), 'lane', owner)
    return {'self', owner}
  end
  redis.call('HSET', record(id), 'identifier', identifier)
  move(id, 'leased', park(id, identifier, r[1], r[2], r[3]), r[1], tonumber(r[2]))
  redis.call('ZREM', P .. 'leases', id)
  without_ticket(id)
  return {'parked'}
end

for i, part in ipairs(plan) do
  local identifier, body, owner = part[1], part[2], part[3]
  local child = 'dlv_' .. string.sub(id, 5) .. '_' .. string.format('%04d', i)
  if body == '' then body = redis.call('GET', P .. 'body:' .. id) end
  redis.call('SET', P .. 'body:' .. child, body)
  redis.call('HSET', record(child), 'job', 'delivery', 'at', r[1], 'changed', NOW, 'bytes', #body, 'seq', r[3],
    'integration', integration, 'identifier', identifier, 'parent', id, 'installation', owner)
  redis.call('ZADD', P .. 'children:' .. id, i, child)
  if owner ~= '' then
    redis.call('HSET', record(child), 'bot', bot_of(owner), 'lane', owner)
    ready(child, nil, r[1], #body, owner)
  else
    redis.call('HSET', record(child), 'lane', integration)
    move(child, nil, park(child, identifier, r[1], #body, r[3]), r[1], #body)
  end
end
move(id, 'leased', 'done', r[1], tonumber(r[2]))
redis.call('HSET', record(id), 'state', 'done', 'changed', NOW, 'deliveries', #plan,
  'reason', 'split into ' .. #plan .. ' deliveries')
redis.call('ZREM', P .. 'leases', id)
without_ticket(id)
count('done', 1)
wake()
return {'split', #plan}
