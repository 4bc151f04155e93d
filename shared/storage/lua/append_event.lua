-- append_event(bot, event id, event, seconds to remember the id) -> 1 | 0 when it was stored already
if not redis.call('SET', P .. 'emitted:' .. escaped(ARGV[2]), '1', 'NX', 'EX', ARGV[4]) then return 0 end
redis.call('XADD', P .. 'events:' .. escaped(ARGV[1]), '*', 'event', ARGV[3])
return 1
