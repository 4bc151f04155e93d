-- uninstall(webhookId) -> 1 | 0 when it did not exist
-- Its binding, subscriptions, states, objects, schedule, flow and data key go with it; the end of a binding is remembered, so what
-- is parked from before is never released to another bot.
local id = ARGV[1]
local home, states = P .. 'installation:' .. escaped(id), P .. 'states-of:' .. escaped(id)
local f = redis.call('HMGET', home, 'record', 'identifier')
if not f[1] then return 0 end
local facts = cjson.decode(f[1])
if f[2] and f[2] ~= '' then unbind(facts['integration'], f[2], id) end
local subscriptions = P .. 'subscriptions:' .. escaped(id)
for _, one in ipairs(redis.call('HKEYS', subscriptions)) do unbind(facts['integration'], 'subscription:' .. one, id) end
for _, key in ipairs(redis.call('SMEMBERS', states)) do redis.call('UNLINK', key) end
redis.call('UNLINK', home, states, subscriptions, P .. 'hook:' .. escaped(id), P .. 'later-of:' .. escaped(id), P .. 'flow-of:' .. escaped(id),
  P .. 'datakey:' .. escaped('installation:' .. id))
local aliases = P .. 'aliases:' .. escaped(facts['botId'])
if redis.call('HGET', aliases, facts['alias']) == id then redis.call('HDEL', aliases, facts['alias']) end
for _, kind in ipairs({'user', 'conversation', 'message', 'event'}) do
  redis.call('UNLINK', P .. 'objects:' .. escaped(id) .. ':' .. kind, P .. 'terms:' .. escaped(id) .. ':' .. kind)
end
redis.call('HDEL', P .. 'register-every', id)
redis.call('ZREM', P .. 'registrations', id)
redis.call('ZREM', P .. 'installations', id)
redis.call('ZREM', P .. 'renewals', id)
redis.call('SREM', P .. 'needs-reauth', id)
redis.call('PUBLISH', P .. 'doors', 'hook:' .. id)
return 1
