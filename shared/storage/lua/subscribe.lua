-- subscribe(how, integration, subscription, webhookId, has secret 0|1, sealed secret, most)
--   -> {ok, released} | {taken, webhookId} | {missing} | {full} | {unknown} | {kept}
-- Announces a subscription of an installation, or gives it a secret. *how* is `put`, or `first`: only a subscription that was
-- announced and has no secret yet is given one.
local how, integration, subscription, me = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local mine, identifier = P .. 'subscriptions:' .. escaped(me), 'subscription:' .. subscription
if redis.call('EXISTS', P .. 'installation:' .. escaped(me)) == 0 then return {'missing'} end
for _, owner in ipairs(redis.call('SMEMBERS', identifier_key(integration, identifier))) do
  if owner ~= me then return {'taken', owner} end
end

local before = redis.call('HGET', mine, subscription)
if how == 'first' then
  if not before then return {'unknown'} end
  if before ~= '' then return {'kept'} end
end
if not before and redis.call('HLEN', mine) >= tonumber(ARGV[7]) then return {'full'} end
if ARGV[5] == '1' or not before then redis.call('HSET', mine, subscription, ARGV[6]) end
if before then return {'ok', 0} end
redis.call('SADD', identifier_key(integration, identifier), me)
return {'ok', release(integration, identifier, me)}
