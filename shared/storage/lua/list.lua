-- list(states, integration, installation, bot, identifier, words of the reason, since ms, until ms, newest|oldest, from ms, from id, limit, budget)
--   -> {next ms, next id, fields, …}
-- In order of acceptance, newest or oldest first. An empty filter matches all. When the budget of looked-at records ends first, the
-- cursor goes on from there; each state has an equal share of it, so that the cursor always gets on.
local limit, _, states = tonumber(ARGV[12]), string.gsub(ARGV[1], '[^,]+', '')
local share = math.max(1, math.floor(tonumber(ARGV[13]) / math.max(1, states)))
local since, till, rising = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == 'oldest'
local from, from_id = tonumber(ARGV[10]), ARGV[11]
local words, filtered = string.lower(ARGV[6]), table.concat(ARGV, '', 2, 6) ~= ''
local found, horizon, horizon_id, cut = {}, 0, '', false

local function before(at, id, than, than_id)
  if at == than then return rising and id < than_id or not rising and id > than_id end
  return rising and at < than or not rising and at > than
end

local function matches(id)
  local r = facts_of(id, 'installation', 'bot', 'identifier', 'reason')
  for i, name in ipairs({'integration', 'installation', 'bot', 'identifier'}) do
    if ARGV[i + 1] ~= '' and r[name] ~= ARGV[i + 1] then return false end
  end
  return words == '' or string.find(string.lower(r.reason or ''), words, 1, true) ~= nil
end

-- What is leased, no more than workers have slots, is indexed by the ends of leases.
local leased = nil
local function leased_chunk(offset)
  if not leased then
    leased = {}
    for _, id in ipairs(redis.call('ZRANGE', P .. 'state:leased', 0, -1)) do
      local at = tonumber(facts_of(id).at)
      if at and at >= since and at <= till then leased[#leased + 1] = {at, id} end
    end
    table.sort(leased, function(a, b) return before(a[1], a[2], b[1], b[2]) end)
  end
  local chunk = {}
  for i = offset + 1, math.min(offset + 200, #leased) do
    chunk[#chunk + 1], chunk[#chunk + 2] = leased[i][2], leased[i][1]
  end
  return chunk
end

local function chunk_of(state, offset)
  if state == 'leased' then return leased_chunk(offset) end
  local key = P .. 'state:' .. state
  if rising then return redis.call('ZRANGE', key, math.max(from, since), till, 'BYSCORE', 'LIMIT', offset, 200, 'WITHSCORES') end
  return redis.call('ZRANGE', key, math.min(from, till), since, 'BYSCORE', 'REV', 'LIMIT', offset, 200, 'WITHSCORES')
end

local function walk(state)
  local taken, looked, offset = 0, 0, 0
  while true do
    local chunk = chunk_of(state, offset)
    if #chunk == 0 then return end
    for i = 1, #chunk, 2 do
      local id, at = chunk[i], tonumber(chunk[i + 1])
      if before(from, from_id, at, id) then
        looked = looked + 1
        if not filtered or matches(id) then
          found[#found + 1] = {at, id}
          taken = taken + 1
        end
        if taken >= limit or looked >= share then
          if not cut or before(at, id, horizon, horizon_id) then horizon, horizon_id = at, id end
          cut = true
          return
        end
      end
    end
    offset = offset + 200
  end
end

for state in string.gmatch(ARGV[1], '[^,]+') do walk(state) end
table.sort(found, function(a, b) return before(a[1], a[2], b[1], b[2]) end)
local page, last = {}, nil
for _, entry in ipairs(found) do
  if #page >= limit or (cut and before(horizon, horizon_id, entry[1], entry[2])) then break end
  page[#page + 1] = redis.call('HGETALL', record(entry[2]))
  table.insert(page[#page], 'id')
  table.insert(page[#page], entry[2])
  last = entry
end
local more = #page < #found or cut
if more and #page < limit and cut then last = {horizon, horizon_id} end
if not more or not last then return {'', '', unpack(page)} end
return {string.format('%d', last[1]), last[2], unpack(page)}
