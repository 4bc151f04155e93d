-- renewal(claim, most, hold ms) -> {id, held, …}: installations whose time has come; they come again after the hold unless
--   somebody says otherwise. renewal(later, id, held, at ms) and renewal(drop, id, held) do nothing when the installation
--   was put forward in the meantime: it has new tokens, or it was lost.
local what, due = ARGV[1], P .. 'renewals'

if what == 'claim' then
  local found, held = {}, NOW + tonumber(ARGV[3])
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', NOW, 'LIMIT', 0, tonumber(ARGV[2]))) do
    redis.call('ZADD', due, held, id)
    found[#found + 1] = id
    found[#found + 1] = held
  end
  return found
end
if tonumber(redis.call('ZSCORE', due, ARGV[2]) or '-1') ~= tonumber(ARGV[3]) then return {} end
if what == 'later' then redis.call('ZADD', due, ARGV[4], ARGV[2]) else redis.call('ZREM', due, ARGV[2]) end
return {}
