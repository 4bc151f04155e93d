-- turn(take, webhookId, holder, ms) : taken, or busy
-- turn(drop, webhookId, holder) : ''
-- turn(begin, webhookId, holder, name, now, ms to keep) : '', since when, or lost without the turn
-- turn(forget, webhookId, holder, name) : '', or lost without the turn
local what, id, holder = ARGV[1], ARGV[2], ARGV[3]
local turn, journal = P .. 'turn:' .. escaped(id), P .. 'refresh-of:' .. escaped(id)
local is_ours = redis.call('GET', turn) == holder

if what == 'take' then
  if not is_ours and redis.call('EXISTS', turn) == 1 then return 'busy' end
  redis.call('SET', turn, holder, 'PX', ARGV[4])
  return 'taken'
end
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
