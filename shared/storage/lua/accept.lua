-- accept(most records, most bytes, dedupe lifetime ms, n, k, then k sorts: kind, lane, installation, bot;
--        then per request: id, its sort (from 1), dedupe key, body) -> {place (from 1), status, id, …}
-- Stores every request or says why not: duplicate | revived | full | crowded (its own lane has its share). Calling twice with the same id is one request.
-- Each command costs more than what it does, so whatever the requests have in common is asked and written once.
local ARGV, call = ARGV, redis.call -- locals are found faster
local most, most_bytes, lifetime, n, sorts = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST, SORT, SIZE = 6 + sorts * 4, 1, 4
local TOGETHER = 500 -- records whose texts are written in one command; Lua hands on some thousands of arguments
local replies, stored, stored_bytes, again = {}, 0, 0, 0

-- True when *id*, or a delivery it was split into, was dead and is ready again.
local function revived(id)
  -- (here comes what else this needs)
  local r = facts_of(id, 'state')
  local found = r.state == 'dead'
  if found then revive(id, 'dead', r.at, r.bytes, r.lane) end
  for _, child in ipairs(call('ZRANGE', P .. 'children:' .. id, 0, -1)) do
    found = revived(child) or found
  end
  return found
end

-- The first copies of the deliveries, and whether any of the requests without a delivery key may be known, in two questions.
local ids, copies, may_be_known = {}, {}, false

local function look_up()
  local keys, names, bare = {}, {}, {}
  for a = FIRST, FIRST + (n - 1) * SIZE, SIZE do
    local dedupe = ARGV[a + 2]
    if dedupe == '' then bare[#bare + 1] = record(ARGV[a])
    else keys[#keys + 1], names[#names + 1] = P .. 'dedupe:' .. dedupe, dedupe end
  end
  if #bare > 0 then may_be_known = call('EXISTS', unpack(bare)) > 0 end
  if #keys == 0 then return end
  for i, first in ipairs(call('MGET', unpack(keys))) do copies[names[i]] = first or nil end
end

-- What is known of request *id* before it is stored; the first of two that come in one call counts.
local function known_as(id, dedupe)
  if ids[id] then return 'stored', id end
  if dedupe == '' then
    if may_be_known and call('EXISTS', record(id)) == 1 then return 'stored', id end
    return nil
  end
  local first = copies[dedupe]
  if not first then return nil end
  if first == id then return 'stored', id end
  if ids[first] then return 'duplicate', first end
  if call('HGET', record(first), 'state') == 'ignored' then return nil end
  return revived(first) and 'revived' or 'duplicate', first
end

-- No room: full, or crowded where its own lane has its share of what is free. What is open is counted only where it may matter:
-- a record has two keys at least, so there are no more than half as many.
local records, bytes, is_counted = call('DBSIZE') / 2, 0, false
for _, size in ipairs(call('HMGET', P .. 'bytes', 'ready', 'leased', 'retrying', 'waiting', 'parked')) do
  bytes = bytes + tonumber(size or 0)
end

local function refusal(lane, size)
  local load, free, free_bytes = lane_load(lane), most - records, most_bytes - bytes - records * OPEN
  if free >= 1 and free_bytes >= size + OPEN and load[1] < free and load[2] + load[1] * OPEN < free_bytes then
    load[1], load[2] = load[1] + 1, load[2] + size
    records, bytes = records + 1, bytes + size
    return nil
  end
  if is_counted then return (free < 1 or free_bytes < size + OPEN) and 'full' or 'crowded' end
  is_counted, records, bytes = true, open_load()
  records, bytes = records + stored, bytes + stored_bytes
  return refusal(lane, size)
end

-- What the records of a sort have in common, by its number as text; what is empty has no field.
local kinds, lanes, beside = {}, {}, {}
for sort = 1, sorts do
  local number, s, fields = tostring(sort), 2 + sort * 4, {}
  kinds[number], lanes[number] = ARGV[s], ARGV[s + 1]
  if ARGV[s + 2] ~= '' then fields[1], fields[2] = 'installation', ARGV[s + 2] end
  if ARGV[s + 3] ~= '' then fields[#fields + 1], fields[#fields + 2] = 'bot', ARGV[s + 3] end
  if #fields > 0 then beside[number] = fields end
end

look_up()
local fresh, fresh_ids, fresh_lanes = {}, {}, {}
for i = 1, n do
  local a = FIRST + (i - 1) * SIZE
  local id, dedupe, size = ARGV[a], ARGV[a + 2], #ARGV[a + 3]
  local status, known = known_as(id, dedupe)
  local lane = lanes[ARGV[a + SORT]]
  if not status then status, known = refusal(lane, size), '' end
  if not status then
    stored, stored_bytes = stored + 1, stored_bytes + size
    ids[id], copies[dedupe] = true, id
    fresh[stored], fresh_ids[stored], fresh_lanes[stored] = a, id, lane
  elseif status ~= 'stored' then
    if status == 'revived' then again = again + 1 end
    replies[#replies + 1], replies[#replies + 2], replies[#replies + 3] = i, status, known
  end
end

-- Writes bodies and tickets, {key, text, …}, and first copies, {key, id, …}: in one command each, where the server knows MSETEX.
local KNOWS_MSETEX = (redis.VALKEY_VERSION_NUM or 0) >= 0x90100

local function write(texts, firsts)
  call('MSET', unpack(texts))
  local many = #firsts / 2
  if many > 0 and KNOWS_MSETEX then
    firsts[#firsts + 1], firsts[#firsts + 2] = 'PX', lifetime
    call('MSETEX', many, unpack(firsts))
  else
    for i = 1, #firsts, 2 do call('SET', firsts[i], firsts[i + 1], 'PX', lifetime) end
  end
end

if stored > 0 then
  local before = call('HINCRBY', P .. 'totals', 'accepted', stored) - stored
  local texts, firsts, now = {}, {}, string.format('%d', NOW)
  for i, a in ipairs(fresh) do
    local id, sort, dedupe, body = ARGV[a], ARGV[a + SORT], ARGV[a + 2], ARGV[a + 3]
    local came = came_of(now, #body, before + i, kinds[sort], dedupe)
    if beside[sort] then call('HSET', record(id), 'state', 'ready', 'came', came, unpack(beside[sort]))
    else call('HSET', record(id), 'state', 'ready', 'came', came) end
    local t, d = #texts, #firsts
    texts[t + 1], texts[t + 2], texts[t + 3], texts[t + 4] = P .. 'body:' .. id, body, ticket_of(id)
    if dedupe ~= '' then firsts[d + 1], firsts[d + 2] = P .. 'dedupe:' .. dedupe, id end
    if i % TOGETHER == 0 or i == stored then
      write(texts, firsts)
      texts, firsts = {}, {}
    end
    moving(id, nil, 'ready', now, #body, fresh_lanes[i])
  end
  moved()
  enqueue_all(fresh_ids, fresh_lanes)
  count_now('accepted', stored)
end
if stored + again > 0 then wake() end
return replies
