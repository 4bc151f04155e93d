-- layout(what, stamp's key, layout before, …): brings a cell from one layout to the next; `migration.py` counts. One at a time:
-- take(lease ms) -> turn; 0 while somebody else has one; -1 where the cell has another layout
-- note(turn, lease ms, key, name, number, …) -> 1; 0 where the turn is over. Adds to what will be `lanes-open`, `events-…`
-- fold(turn, lease ms, id, …) -> 1; 0 where the turn is over. Writes the field `came` of records beside those it is made of
-- swap(turn, layout, bytes of all streams) -> 1; 0 where the turn is over. What was noted takes the place of what was there,
--   and what is leased is indexed by the ends of its leases
local what, stamp, before = ARGV[1], ARGV[2], ARGV[3]
local TURN, FRESH = P .. 'layout-turn', P .. 'layout-fresh:'
local COUNTED = {'lanes-open', 'events-bytes', 'events-since'}

if what == 'take' then
  if redis.call('GET', stamp) ~= before then return -1 end
  if redis.call('EXISTS', TURN) == 1 then return 0 end
  local turn = redis.call('INCR', P .. 'layout-turns')
  redis.call('SET', TURN, turn, 'PX', ARGV[4])
  for _, key in ipairs(COUNTED) do redis.call('UNLINK', FRESH .. key) end -- of one that was stopped half way
  return turn
end

if redis.call('GET', TURN) ~= ARGV[4] then return 0 end

if what == 'note' then
  redis.call('PEXPIRE', TURN, ARGV[5])
  local key = ARGV[6]
  for i = 7, #ARGV, 2 do
    if key == 'lanes-open' then redis.call('HINCRBY', FRESH .. key, ARGV[i], ARGV[i + 1])
    else redis.call('ZADD', FRESH .. key, ARGV[i + 1], ARGV[i]) end
  end
  return 1
end

if what == 'fold' then
  redis.call('PEXPIRE', TURN, ARGV[5])
  for i = 6, #ARGV do
    local r = redis.call('HMGET', record(ARGV[i]), 'at', 'bytes', 'seq', 'lane', 'job', 'integration', 'dedupe')
    if r[1] then
      local kind = (r[4] or '') .. ' ' .. (r[5] or '') .. ' ' .. (r[6] or '') .. ' '
      redis.call('HSET', record(ARGV[i]), 'came', came_of(r[1], r[2] or 0, r[3] or 0, kind, r[7] or ''))
    end
  end
  return 1
end

redis.call('ZUNIONSTORE', P .. 'state:leased', 2, P .. 'state:leased', P .. 'leases', 'WEIGHTS', 0, 1)
redis.call('UNLINK', P .. 'leases')
for _, key in ipairs(COUNTED) do
  redis.call('UNLINK', P .. key)
  if redis.call('EXISTS', FRESH .. key) == 1 then redis.call('RENAME', FRESH .. key, P .. key) end
end
redis.call('HSET', P .. 'bytes', 'events', ARGV[6])
redis.call('SET', stamp, ARGV[5])
redis.call('DEL', TURN, P .. 'layout-turns')
return 1
