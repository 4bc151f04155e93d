-- drop(id) -> {state it was in} | {missing} | {busy, leased}
-- Removes a record with its body; whoever drops has decided that it may be lost.
local id = ARGV[1]
local r = facts_of(id, 'state', 'identifier', 'installation', 'ordered', 'parent', 'gate')
if not r.state then return {'missing'} end
if r.state == 'leased' then return {'busy', r.state} end
if r.state == 'parked' then redis.call('ZREM', parked_key(r.integration, r.identifier), id) end
if r.state == 'waiting' then left_behind(id) end
without_ticket(id)
forget_copies(id, r.state, r.dedupe)
redis.call('ZREM', P .. 'state:' .. r.state, id)
redis.call('HINCRBY', P .. 'bytes', r.state, -r.bytes)
charge_for(r.state, '', r.bytes, r.lane)
charged()
redis.call('UNLINK', record(id), P .. 'body:' .. id, P .. 'children:' .. id)
if r.parent then redis.call('ZREM', P .. 'children:' .. r.parent, id) end
if r.ordered then next_in_order(id, r.installation, r.state == 'waiting' and not r.gate) end
return {r.state}
