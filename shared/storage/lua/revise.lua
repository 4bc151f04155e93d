-- revise(webhookId, expected record or '', then pairs: field, value) -> {ok} | {missing} | {changed}
local home = P .. 'installation:' .. escaped(ARGV[1])
local record = redis.call('HGET', home, 'record')
if not record then return {'missing'} end
if ARGV[2] ~= '' and record ~= ARGV[2] then return {'changed'} end
for i = 3, #ARGV, 2 do
  redis.call('HSET', home, ARGV[i], ARGV[i + 1])
  if ARGV[i] == 'connection' and ARGV[i + 1] ~= 'needs_reauth' then
    redis.call('HDEL', home, 'lost', 'loss', 'lost-identifier')
    redis.call('SREM', P .. 'needs-reauth', ARGV[1])
  end
end
redis.call('HSET', home, 'updated', NOW)
return {'ok'}
