-- schedule('every', webhookId, ms or 0) -> 1 | 0 no installation: be registered again and again, or no more
-- schedule('due', most) -> {webhookId, due ms, …}: whose time has come; they stay until they have passed
-- schedule('passed', webhookId, due ms) -> 1 | 0 somebody else was first: the next time is one period from now
local what, due, every = ARGV[1], P .. 'registrations', P .. 'register-every'
if what == 'due' then return redis.call('ZRANGEBYSCORE', due, '-inf', NOW, 'WITHSCORES', 'LIMIT', 0, ARGV[2]) end

local id = ARGV[2]
if what == 'every' then
  if redis.call('EXISTS', P .. 'installation:' .. escaped(id)) == 0 then return 0 end
  if ARGV[3] == '0' then
    redis.call('HDEL', every, id)
    redis.call('ZREM', due, id)
  else
    redis.call('HSET', every, id, ARGV[3])
    redis.call('ZADD', due, NOW + tonumber(ARGV[3]), id)
  end
  return 1
end

if tonumber(redis.call('ZSCORE', due, id) or -1) ~= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', due, NOW + tonumber(redis.call('HGET', every, id)), id)
return 1
