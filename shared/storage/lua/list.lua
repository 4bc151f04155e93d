-- list(states, integration, bot, identifier, since ms, before ms, before id, limit, budget) -> {next ms, next id, fields, …}
-- Newest first. An empty filter matches all. When the budget of looked-at records ends first, the cursor goes on from there;
-- each state has an equal share of it, so that the cursor always gets on.
local limit, _, states = tonumber(ARGV[8]), string.gsub(ARGV[1], '[^,]+', '')
local share = math.max(1, math.floor(tonumber(ARGV[9]) / math.max(1, states)))
local since, before, before_id = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local found, horizon, horizon_id, cut = {}, -1, '', false

local function newer(at, id, than, than_id) return at > than or (at == than and id > than_id) end

local function matches(r)
  return (ARGV[2] == '' or r[1] == ARGV[2]) and (ARGV[3] == '' or r[2] == ARGV[3])
    and (ARGV[4] == '' or r[3] == ARGV[4])
end

local function walk(state)
  local taken, looked, offset, filtered = 0, 0, 0, ARGV[2] .. ARGV[3] .. ARGV[4] ~= ''
  while true do
    local chunk = redis.call('ZRANGE', P .. 'state:' .. state, before, since, 'BYSCORE', 'REV', 'LIMIT', offset, 200, 'WITHSCORES')
    if #chunk == 0 then return end
    for i = 1, #chunk, 2 do
      local id, at = chunk[i], tonumber(chunk[i + 1])
      if newer(before, before_id, at, id) then
        looked = looked + 1
        if not filtered or matches(redis.call('HMGET', record(id), 'integration', 'bot', 'identifier')) then
          found[#found + 1] = {at, id}
          taken = taken + 1
        end
        if taken >= limit or looked >= share then
          if newer(at, id, horizon, horizon_id) then horizon, horizon_id = at, id end
          cut = true
          return
        end
      end
    end
    offset = offset + 200
  end
end

for state in string.gmatch(ARGV[1], '[^,]+') do walk(state) end
table.sort(found, function(a, b) return newer(a[1], a[2], b[1], b[2]) end)
local page, last = {}, nil
for _, entry in ipairs(found) do
  if #page >= limit or (cut and newer(horizon, horizon_id, entry[1], entry[2])) then break end
  page[#page + 1] = redis.call('HGETALL', record(entry[2]))
  table.insert(page[#page], 'id')
  table.insert(page[#page], entry[2])
  last = entry
end
local more = #page < #found or cut
if more and #page < limit and cut then last = {horizon, horizon_id} end
if not more or not last then return {'', '', unpack(page)} end
return {string.format('%d', last[1]), last[2], unpack(page)}
