-- drop(id) -> {state it was in} | {missing} | {busy, leased}
-- Removes a record with its body; whoever drops has decided that it may be lost.
local id = ARGV[1]
local r = redis.call('HMGET', record(id), 'state', 'bytes', 'integration', 'identifier', 'installation', 'ordered', 'parent', 'dedupe', 'lane')
if not r[1] then return {'missing'} end
if r[1] == 'leased' then return {'busy', r[1]} end
if r[1] == 'parked' then redis.call('ZREM', parked_key(r[3], r[4]), id) end
if r[1] == 'waiting' then left_behind(id) end
without_ticket(id)
forget_copies(id, r[1], r[8])
redis.call('ZREM', P .. 'state:' .. r[1], id)
redis.call('HINCRBY', P .. 'bytes', r[1], -tonumber(r[2]))
charge_for(r[1], '', tonumber(r[2]), r[9])
charged()
redis.call('UNLINK', record(id), P .. 'body:' .. id, P .. 'children:' .. id)
if r[7] then redis.call('ZREM', P .. 'children:' .. r[7], id) end
if r[6] then next_in_order(id, r[5]) end
return {r[1]}
