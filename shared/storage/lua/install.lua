-- install(webhookId, bot, alias, integration, created ms, n, then n times: field, value) -> {ok} | {taken, webhookId} | {exists}
local id, aliases = ARGV[1], P .. 'aliases:' .. escaped(ARGV[2])
local home = P .. 'installation:' .. escaped(id)
local owner = redis.call('HGET', aliases, ARGV[3])
if owner then return {'taken', owner} end
if redis.call('EXISTS', home) == 1 then return {'exists'} end
redis.call('HSET', aliases, ARGV[3], id)
redis.call('ZADD', P .. 'installations', ARGV[5], id)
redis.call('SET', P .. 'hook:' .. escaped(id), ARGV[4])
for i = 0, tonumber(ARGV[6]) - 1 do redis.call('HSET', home, ARGV[7 + i * 2], ARGV[8 + i * 2]) end
redis.call('HSET', home, 'updated', NOW)
redis.call('PUBLISH', P .. 'doors', 'hook:' .. id)
return {'ok'}
