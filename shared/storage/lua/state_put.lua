-- state_put(webhookId, key, any | absent | same, expected payload, payload, meta, idle ms or 0, seconds since 1970)
--   -> when it was made first | 0 not as expected | -1 no installation
local index, key = P .. 'states-of:' .. escaped(ARGV[1]), ARGV[2]
if redis.call('EXISTS', P .. 'installation:' .. escaped(ARGV[1])) == 0 then return -1 end
local found = redis.call('HMGET', key, 'payload', 'created', 'meta')
if ARGV[3] == 'absent' and found[1] then return 0 end
if ARGV[3] == 'same' and found[1] ~= ARGV[4] then return 0 end
local created = found[2] or found[3] and string.match(found[3], '"createdAt":([%d.]+)') or ARGV[8]
redis.call('HSET', key, 'payload', ARGV[5], 'meta', ARGV[6], 'created', created)
if tonumber(ARGV[7]) > 0 then redis.call('PEXPIRE', key, ARGV[7]) else redis.call('PERSIST', key) end
if not found[1] then redis.call('SADD', index, key) end
return created
