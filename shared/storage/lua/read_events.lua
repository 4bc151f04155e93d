-- read_events(bot, position) -> 1 | 0 when that is nothing new
-- A bot that reads on from a position has everything up to it. A position that its stream never had says nothing.
local last = redis.call('XREVRANGE', stream_of(ARGV[1]), '+', '-', 'COUNT', 1)[1]
if not last or is_behind(ARGV[2], last[1]) or not is_behind(ARGV[2], read_by(ARGV[1])) then return 0 end
redis.call('HSET', P .. 'events-read', ARGV[1], ARGV[2])
return 1
