-- activate(id, epoch, flow, expected flow JSON, new flow JSON, link, new link JSON, installation, integration, identifier,
--          ownership, account JSON, n, then per state: key, payload, meta)
--   -> {ok, released, evicted…} | {taken, owner} | {void} | {missing} | {lost}
-- Writes the tokens, binds the identifier, releases what was parked for it, ends the flow and closes the record: all of it or nothing.
local flow, installation, identifier = P .. 'flow:' .. ARGV[3], ARGV[8], ARGV[10]
if not holds(ARGV[1], ARGV[2]) then return {'lost'} end
if redis.call('GET', flow) ~= ARGV[4] then return {'void'} end
if redis.call('GET', P .. 'flow-of:' .. installation) ~= ARGV[3] then return {'void'} end
local home = P .. 'installation:' .. installation
if redis.call('EXISTS', home) == 0 then return {'missing'} end

local bound = {'ok', 0}
if identifier ~= '' then
  bound = bind(ARGV[9], identifier, installation, ARGV[11], true)
  if bound[1] ~= 'ok' then return bound end
end
for i = 0, tonumber(ARGV[13]) - 1 do
  local a = 14 + i * 3
  redis.call('HSET', ARGV[a], 'payload', ARGV[a + 1], 'meta', ARGV[a + 2])
  redis.call('PERSIST', ARGV[a])
  redis.call('SADD', P .. 'states-of:' .. installation, ARGV[a])
end
redis.call('HSET', home, 'connection', 'connected', 'account', ARGV[12], 'reason', '', 'updated', NOW)
redis.call('HDEL', home, 'lost', 'loss', 'lost-identifier')
redis.call('SREM', P .. 'needs-reauth', installation)
redis.call('ZADD', P .. 'renewals', NOW, installation)
redis.call('SET', flow, ARGV[5], 'KEEPTTL')
if redis.call('EXISTS', P .. 'link:' .. ARGV[6]) == 1 then
  redis.call('SET', P .. 'link:' .. ARGV[6], ARGV[7], 'KEEPTTL')
end
local r = facts_of(ARGV[1])
move(ARGV[1], 'leased', 'done', r.at, r.bytes, r.lane)
redis.call('HSET', record(ARGV[1]), 'state', 'done', 'changed', NOW, 'reason', 'connected')
without_ticket(ARGV[1])
count('done', 1)
return bound
