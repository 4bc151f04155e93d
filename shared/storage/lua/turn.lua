-- turn(what, webhookId, holder, name, now, ms to keep) : drop -> ''; begin -> '' or since when; forget -> ''; without the turn: lost
local what, id, holder = ARGV[1], ARGV[2], ARGV[3]
local turn, journal = P .. 'turn:' .. escaped(id), P .. 'refresh-of:' .. escaped(id)
local is_ours = redis.call('GET', turn) == holder

if what == 'drop' then
  if is_ours then redis.call('DEL', turn) end
  return ''
end
if not is_ours then return 'lost' end
if what == 'forget' then
  redis.call('HDEL', journal, ARGV[4])
  return ''
end
if redis.call('HSETNX', journal, ARGV[4], ARGV[5]) == 0 then return redis.call('HGET', journal, ARGV[4]) end
redis.call('PEXPIRE', journal, ARGV[6])
return ''
