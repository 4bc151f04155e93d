-- later('put', webhookId, id, due ms, event, most) -> 1 | 0 too many wait | -1 no installation: hold an event back
-- later('due', most) -> {webhookId, id, event, …}: whose time has come; they stay until they are 'gone'
-- later('gone', webhookId, id): it is on its way. What an installation holds back goes with it.
local what, times = ARGV[1], P .. 'later'
local function held(id) return P .. 'later-of:' .. escaped(id) end

if what == 'put' then
  if redis.call('EXISTS', P .. 'installation:' .. escaped(ARGV[2])) == 0 then return -1 end
  local is_new = redis.call('HEXISTS', held(ARGV[2]), ARGV[3]) == 0
  if is_new and redis.call('HLEN', held(ARGV[2])) >= tonumber(ARGV[6]) then return 0 end
  redis.call('HSET', held(ARGV[2]), ARGV[3], ARGV[5])
  redis.call('ZADD', times, ARGV[4], ARGV[2] .. ' ' .. ARGV[3])
  return 1
end

if what == 'gone' then
  redis.call('HDEL', held(ARGV[2]), ARGV[3])
  return redis.call('ZREM', times, ARGV[2] .. ' ' .. ARGV[3])
end

local found = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', NOW, 'LIMIT', 0, ARGV[2])) do
  local webhook_id, id = string.match(member, '^(%S+) (%S+)$')
  local event = redis.call('HGET', held(webhook_id), id)
  if event then
    for _, part in ipairs({webhook_id, id, event}) do found[#found + 1] = part end
  else
    redis.call('ZREM', times, member)
  end
end
return found
