-- step(what, id, epoch, name, kind of what begins or result) : begin -> {begun | intent | result, value}; commit, forget -> {ok}; lost lease -> {lost}; commit of a closed record -> {ended}
-- The first result of a step wins. A result may come from an older lease, because what was done was done; an intent may not.
local what, id, epoch, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local journal = P .. 'journal:' .. id
local state = redis.call('HGET', record(id), 'state')

if what == 'commit' then
  if state ~= 'leased' and state ~= 'ready' and state ~= 'retrying' then return {'ended', ''} end
  redis.call('HSETNX', journal, name .. ':result', ARGV[5])
  if not holds(id, epoch) then return {'lost', ''} end
  return {'ok', ''}
end
if not holds(id, epoch) then return {'lost', ''} end
if what == 'forget' then
  redis.call('HDEL', journal, name .. ':intent')
  return {'ok', ''}
end
local result = redis.call('HGET', journal, name .. ':result')
if result then return {'result', result} end
local intent = epoch .. '@' .. string.format('%d', NOW) .. '@' .. ARGV[5]
if redis.call('HSETNX', journal, name .. ':intent', intent) == 0 then
  return {'intent', redis.call('HGET', journal, name .. ':intent')}
end
return {'begun', ''}
