-- told(webhookId, when it was lost) : its bot knows; nothing happens when it was lost again since
local home = P .. 'installation:' .. escaped(ARGV[1])
if redis.call('HGET', home, 'lost') == ARGV[2] then redis.call('HDEL', home, 'lost', 'loss', 'lost-identifier') end
return {}
