-- disconnect(webhookId, reason) -> 1 | 0 when it is gone
-- Its provider says that it is over: the identifier is nobody's, and its user has to connect again; its bot is
-- told by whoever looks after installations.
local home = P .. 'installation:' .. escaped(ARGV[1])
local f = redis.call('HMGET', home, 'record', 'identifier', 'connection')
if not f[1] then return 0 end
if f[2] and f[2] ~= '' then
  unbind(cjson.decode(f[1])['integration'], f[2], ARGV[1])
  redis.call('HSET', home, 'identifier', '')
end
if f[3] ~= 'none' then lose(ARGV[1], 'uninstalled', ARGV[2], f[2] or '') end
redis.call('HSET', home, 'reason', ARGV[2], 'updated', NOW)
return 1
