-- put(key, value, ms to live or 0, 1: only where nothing is) -> 1 | 0: a plain key, for who finishes work in a store that is full
if ARGV[4] == '1' and redis.call('EXISTS', ARGV[1]) == 1 then return 0 end
redis.call('SET', ARGV[1], ARGV[2])
if tonumber(ARGV[3]) > 0 then redis.call('PEXPIRE', ARGV[1], ARGV[3]) end
return 1
