-- beat(worker, lifetime ms, field, value, …): a worker says that it lives and what it does
local beat = P .. 'worker:' .. ARGV[1]
redis.call('ZADD', P .. 'workers', NOW, ARGV[1])
redis.call('HSET', beat, 'beat', NOW, unpack(ARGV, 3))
redis.call('PEXPIRE', beat, ARGV[2])
return NOW
