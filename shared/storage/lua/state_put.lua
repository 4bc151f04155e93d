-- state_put(webhookId, key, any | absent | same, expected payload, payload, meta, idle ms or 0) -> 1 | 0 not as expected | -1 no installation
local index, key = P .. 'states-of:' .. escaped(ARGV[1]), ARGV[2]
if redis.call('EXISTS', P .. 'installation:' .. escaped(ARGV[1])) == 0 then return -1 end
local found = redis.call('HGET', key, 'payload')
if ARGV[3] == 'absent' and found then return 0 end
if ARGV[3] == 'same' and found ~= ARGV[4] then return 0 end
redis.call('HSET', key, 'payload', ARGV[5], 'meta', ARGV[6])
if tonumber(ARGV[7]) > 0 then redis.call('PEXPIRE', key, ARGV[7]) else redis.call('PERSIST', key) end
redis.call('SADD', index, key)
return 1
