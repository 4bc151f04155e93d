-- replay(id) -> {state it was in} | {missing} | {busy, state}
-- Makes a closed or parked record ready again with its stored body; attempts start over.
local id = ARGV[1]
local r = redis.call('HMGET', record(id), 'state', 'at', 'bytes', 'lane', 'integration', 'identifier')
if not r[1] then return {'missing'} end
if r[1] ~= 'dead' and r[1] ~= 'ignored' and r[1] ~= 'done' and r[1] ~= 'parked' then return {'busy', r[1]} end
if r[1] == 'parked' then redis.call('ZREM', parked_key(r[5], r[6]), id) end
redis.call('HINCRBY', record(id), 'replays', 1)
revive(id, r[1], r[2], tonumber(r[3]), r[4])
wake()
return {r[1]}
