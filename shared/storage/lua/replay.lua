-- replay(id) -> {state it was in} | {missing} | {busy, state}
-- Makes a closed or parked record ready again with its stored body; attempts start over.
local id = ARGV[1]
local r = facts_of(id, 'state', 'identifier')
if not r.state then return {'missing'} end
if r.state ~= 'dead' and r.state ~= 'ignored' and r.state ~= 'done' and r.state ~= 'parked' then return {'busy', r.state} end
if r.state == 'parked' then redis.call('ZREM', parked_key(r.integration, r.identifier), id) end
redis.call('HINCRBY', record(id), 'replays', 1)
revive(id, r.state, r.at, r.bytes, r.lane)
wake()
return {r.state}
