-- caller(token hash, bot, alias) -> {the token's claims or '', webhookId or '', its fields}
local claims = redis.call('GET', P .. 'token:' .. ARGV[1]) or ''
local id = redis.call('HGET', P .. 'aliases:' .. escaped(ARGV[2]), ARGV[3])
if not id then return {claims, ''} end
return {claims, id, redis.call('HGETALL', P .. 'installation:' .. escaped(id))}
