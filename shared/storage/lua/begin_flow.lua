-- begin_flow(flow, installation, JSON, ms to live) -> 1 | 0 this very flow has connected by now
-- It takes the place of the installation's flow before it. Several browsers may start one link's flow, until one succeeds.
local where = P .. 'flow:' .. ARGV[1]
local before = redis.call('GET', where)
if before and cjson.decode(before).status == 'connected' then return 0 end
redis.call('SET', where, ARGV[3], 'PX', ARGV[4])
redis.call('SET', P .. 'flow-of:' .. ARGV[2], ARGV[1], 'PX', ARGV[4])
return 1
