-- append_event(bot, event id, event, seconds to remember the id) -> 1 | 0 when it was stored already
if not redis.call('SET', P .. 'emitted:' .. escaped(ARGV[2]), '1', 'NX', 'EX', ARGV[4]) then return 0 end
tell(ARGV[1], ARGV[3])
all_told()
return 1
