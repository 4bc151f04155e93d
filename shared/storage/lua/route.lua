-- route(id, epoch, integration, may park 0|1, most parked, most records, most bytes, n, then per slice: identifier, body or '', its only owner or '')
--   -> {self, installation, identifier} | {nobody} | {parked} | {split, deliveries} | {lost}
-- Looks up who owns each slice and, in the same breath, parks what nobody owns. One slice for one installation stays one record.
local id, epoch, integration, may_park = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local most_parked, most, most_bytes, n = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if not holds(id, epoch) then return {'lost'} end

local r = facts_of(id)
local plan = {}
for i = 0, n - 1 do
  local identifier, body, only = ARGV[9 + i * 3], ARGV[10 + i * 3], ARGV[11 + i * 3]
  local owners = redis.call('SMEMBERS', identifier_key(integration, identifier))
  table.sort(owners)
  for _, owner in ipairs(owners) do
    if only == '' or only == owner then plan[#plan + 1] = {identifier, body, owner} end
  end
  if #owners == 0 and may_park then plan[#plan + 1] = {identifier, body, ''} end
end
if #plan == 0 then return {'nobody'} end

local function park(which, identifier, seq)
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
    if r.lane ~= owner then
      charge(r.lane, -1, -r.bytes)
      charge(owner, 1, r.bytes)
      charged()
    end
    redis.call('HSET', record(id), 'job', 'delivery', 'identifier', identifier,
      'installation', owner, 'bot', bot_of(owner), 'lane', owner)
    return {'self', owner, identifier}
  end
  redis.call('HSET', record(id), 'identifier', identifier)
  move(id, 'leased', park(id, identifier, r.seq), r.at, r.bytes, r.lane)
  without_ticket(id)
  return {'parked'}
end

-- A request that is replayed was split before. A delivery to the same installation keeps its id, by which the receiver
-- knows it; one that is on its way is left alone, one that was closed or parked starts over.
local children, former, nth = P .. 'children:' .. id, {}, {}
local last = tonumber(redis.call('ZRANGE', children, -1, -1, 'WITHSCORES')[2] or 0)

local function nth_for(identifier, owner)
  local name = #identifier .. ':' .. identifier .. owner
  nth[name] = (nth[name] or 0) + 1
  return name .. ':' .. nth[name]
end

for _, child in ipairs(redis.call('ZRANGE', children, 0, -1)) do
  local c = redis.call('HMGET', record(child), 'identifier', 'installation')
  if c[1] then former[nth_for(c[1], c[2])] = child end
end
nth = {}

local function child_for(identifier, owner)
  local child = former[nth_for(identifier, owner)]
  if not child and owner ~= '' then
    local unclaimed = nth_for(identifier, '')
    child, former[unclaimed] = former[unclaimed], nil
  end
  if child then return child end
  last = last + 1
  child = 'dlv_' .. string.sub(id, 5) .. '_' .. string.format('%04d', last)
  redis.call('ZADD', children, last, child)
  return child
end

-- False when *child* is on its way; else nothing is left of its former life but its epoch and its count of replays.
local function cleared(child)
  local c = facts_of(child, 'state', 'identifier')
  if not c.state then return true end
  if c.state ~= 'parked' and c.state ~= 'done' and c.state ~= 'ignored' and c.state ~= 'dead' then return false end
  redis.call('ZREM', parked_key(integration, c.identifier), child)
  redis.call('ZREM', P .. 'state:' .. c.state, child)
  redis.call('HINCRBY', P .. 'bytes', c.state, -c.bytes)
  charge_for(c.state, '', c.bytes, c.lane)
  redis.call('HINCRBY', record(child), 'replays', 1)
  redis.call('HSET', record(child), 'attempts', 0, 'crashes', 0)
  redis.call('HDEL', record(child), 'ordered', 'probe', 'passed', 'waits')
  return true
end

local function send(child, identifier, body, owner)
  if body == '' then body = redis.call('GET', P .. 'body:' .. id) end
  redis.call('SET', P .. 'body:' .. child, body)
  local lane = owner ~= '' and owner or integration
  local kind = lane .. ' delivery ' .. integration .. ' '
  redis.call('HSET', record(child), 'job', 'delivery', 'came', came_of(r.at, #body, r.seq, kind, ''), 'changed', NOW,
    'identifier', identifier, 'parent', id, 'installation', owner, 'lane', lane)
  if owner ~= '' then
    redis.call('HSET', record(child), 'bot', bot_of(owner))
    if is_loud(owner, most, most_bytes, 1, #body) then
      move(child, nil, 'dead', r.at, #body, owner)
      redis.call('HSET', record(child), 'state', 'dead', 'reason', 'too much waits already for ' .. owner)
      return count('dead', 1)
    end
    ready(child, nil, r.at, #body, owner)
    has_more(owner, 1, #body)
  else
    move(child, nil, park(child, identifier, r.seq), r.at, #body, integration)
  end
end

for _, part in ipairs(plan) do
  local child = child_for(part[1], part[3])
  if cleared(child) then send(child, part[1], part[2], part[3]) end
end
move(id, 'leased', 'done', r.at, r.bytes, r.lane)
redis.call('HSET', record(id), 'state', 'done', 'changed', NOW, 'deliveries', #plan,
  'reason', 'split into ' .. #plan .. ' deliveries')
without_ticket(id)
count('done', 1)
wake()
return {'split', #plan}
