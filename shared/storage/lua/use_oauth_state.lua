-- use_oauth_state(key, ms to remember a used one, by) -> {flow, 1 first use, or the same user again | 0 later} | {'', 0} unknown
local value = redis.call('GET', ARGV[1])
if not value then return {'', 0} end
local by, flow = string.match(value, '^used:([^:]*):(.*)$')
if by then return {flow, by == ARGV[3] and 1 or 0} end
redis.call('SET', ARGV[1], 'used:' .. ARGV[3] .. ':' .. value, 'PX', ARGV[2])
return {value, 1}
