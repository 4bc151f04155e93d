-- give_back(worker, id, …) -> how many: what the worker leases is ready again, but for these; no crash is counted
-- A claim whose answer was lost has leased what nobody works on.
local kept, given = {}, 0
for i = 2, #ARGV do kept[ARGV[i]] = true end
for _, id in ipairs(redis.call('ZRANGE', P .. 'state:leased', 0, -1)) do
  local r = not kept[id] and facts_of(id, 'state', 'worker')
  if r and r.state == 'leased' and r.worker == ARGV[1] then
    ready(id, 'leased', r.at, r.bytes, r.lane)
    given = given + 1
  end
end
if given > 0 then wake() end
return given
