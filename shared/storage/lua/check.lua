-- check() -> sentences, one for each way in which the ledger contradicts itself; none when it is sound
-- Walks every key of the cell in one go: for tests, drills and `doctor` after a restore, not for a busy store.
local STATES = {'ready', 'leased', 'retrying', 'waiting', 'parked', 'done', 'ignored', 'dead'}
local TICKET = {ready = true, leased = true, retrying = true}
local sentences, rows, counts, bytes = {}, {}, {}, {}

local function say(...) sentences[#sentences + 1] = table.concat({...}, ' ') end
local function expect(holds, ...) if not holds then say(...) end end

local function each(kind, look)
  for _, key in ipairs(redis.call('KEYS', P .. kind .. ':*')) do look(string.sub(key, #P + #kind + 2), key) end
end

local function members(key) return redis.call('ZRANGE', key, 0, -1) end

local function in_zset(key, member) return redis.call('ZSCORE', P .. key, member) end

local function fields(key)
  local flat, r = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do r[flat[i]] = flat[i + 1] end
  return r
end

for _, state in ipairs(STATES) do counts[state], bytes[state] = 0, 0 end
each('record', function(id, key) rows[id] = fields(key) end)

-- Each record alone: one state, one body, and what its state asks for.
local function look_at(id, r)
  local state = r['state']
  if not counts[state] then return say(id, 'has the unknown state', tostring(state)) end
  counts[state], bytes[state] = counts[state] + 1, bytes[state] + tonumber(r['bytes'] or 0)
  for _, other in ipairs(STATES) do
    local score = in_zset('state:' .. other, id)
    expect((score and true or false) == (other == state), id, 'is', state, 'but the index of', other, score and 'has it' or 'lacks it')
    expect(not score or score == r['at'], id, 'is indexed under another time than it was accepted at')
  end
  expect(redis.call('EXISTS', P .. 'body:' .. id) == 1, id, 'has no body')
  expect(redis.call('STRLEN', P .. 'body:' .. id) == tonumber(r['bytes']), id, 'has a body of another size than its record says')
  expect((in_zset('leases', id) and true or false) == (state == 'leased'), id, 'is', state, 'but its lease says otherwise')
  expect(state ~= 'leased' or tonumber(r['epoch'] or 0) >= 1, id, 'is leased without an epoch')
  expect((in_zset('queue', TAG .. id) and true or false) == (state == 'ready'), id, 'is', state, 'but the queue says otherwise')
  local due = in_zset('due', TAG .. id)
  expect((due and true or false) == (state == 'retrying'), id, 'is', state, 'but the due times say otherwise')
  expect(not due or due == r['due'], id, 'is due at another time than its record says')
  expect((redis.call('EXISTS', 'arq:job:' .. TAG .. id) == 1) == (TICKET[state] or false), id, 'is', state, 'but its arq job says otherwise')
  expect(TICKET[state] or redis.call('EXISTS', P .. 'journal:' .. id) == 0, id, 'is', state, 'and still has a journal')
end
for id, r in pairs(rows) do look_at(id, r) end

-- The parking lot: everything parked is in it, and nothing in it could go to somebody.
local function look_at_parked(id, r)
  local where = escaped(r['integration']) .. ':' .. escaped(r['identifier'] or '')
  expect(in_zset('parked:' .. where, id) == r['seq'], id, 'is parked, but not in the parking lot of its identifier')
  if redis.call('EXISTS', P .. 'identifier:' .. where) == 1 then
    local past = tonumber(redis.call('HGET', P .. 'unbound:' .. where, 'seq') or 0)
    expect(tonumber(r['seq']) <= past, id, 'is parked although its identifier is bound')
  end
end
for id, r in pairs(rows) do if r['state'] == 'parked' then look_at_parked(id, r) end end
each('parked', function(where, key)
  for _, id in ipairs(members(key)) do
    local r = rows[id]
    expect(r and r['state'] == 'parked' and escaped(r['integration']) .. ':' .. escaped(r['identifier']) == where,
      id, 'is in the parking lot of', where, 'but not parked there')
  end
end)

-- Orders: only open ordered records, by their place; one is on its way, the others wait.
each('order', function(installation, key)
  local under_way = 0
  for _, id in ipairs(members(key)) do
    local r = rows[id] or {}
    expect(r['ordered'] and r['installation'] == installation and redis.call('ZSCORE', key, id) == r['seq'], id, 'is in an order it does not belong to')
    expect(TICKET[r['state']] or r['state'] == 'waiting', id, 'holds up its order but is', tostring(r['state']))
    if TICKET[r['state']] then under_way = under_way + 1 end
  end
  expect(under_way == 1, 'the order of', installation, 'has', tostring(under_way), 'records under way')
end)
for id, r in pairs(rows) do
  expect(r['state'] ~= 'waiting' or in_zset('order:' .. r['installation'], id), id, 'waits, but in no order')
end

-- Nothing belongs to a record that does not exist.
local function owned(kind, id) expect(rows[id], kind, id, 'belongs to no record') end
for _, state in ipairs(STATES) do
  for _, id in ipairs(members(P .. 'state:' .. state)) do owned('state:' .. state, id) end
  local said = redis.call('HGET', P .. 'bytes', state) or '0'
  expect(tonumber(said) == bytes[state], state, 'counts', said, 'bytes, but its records have', tostring(bytes[state]))
  expect(redis.call('ZCARD', P .. 'state:' .. state) == counts[state], state, 'has another number of records than its index')
end
for _, id in ipairs(members(P .. 'leases')) do owned('lease', id) end
for _, name in ipairs({'queue', 'due'}) do
  for _, member in ipairs(members(P .. name)) do owned(name, string.sub(member, #TAG + 1)) end
end
for _, kind in ipairs({'body', 'journal'}) do each(kind, function(id) owned(kind, id) end) end
for _, key in ipairs(redis.call('KEYS', 'arq:job:' .. TAG .. '*')) do owned('arq job', string.sub(key, #('arq:job:' .. TAG) + 1)) end
each('children', function(id, key)
  owned('children', id)
  for _, child in ipairs(members(key)) do
    expect(not rows[child] or rows[child]['parent'] == id, child, 'is no delivery of', id)
  end
end)

-- Bindings: both sides say the same.
each('identifier', function(where, key)
  for _, owner in ipairs(redis.call('SMEMBERS', key)) do
    local home = fields(P .. 'installation:' .. owner)
    local mine = home['record'] and escaped(cjson.decode(home['record'])['integration']) .. ':' .. escaped(home['identifier'] or '')
    expect(mine == where, owner, 'owns', where, 'but says', tostring(mine))
  end
end)
each('installation', function(id, key)
  local home = fields(key)
  if home['record'] and (home['identifier'] or '') ~= '' then
    local where = escaped(cjson.decode(home['record'])['integration']) .. ':' .. escaped(home['identifier'])
    expect(redis.call('SISMEMBER', P .. 'identifier:' .. where, id) == 1, id, 'says it owns', where, 'but does not')
  end
end)
return sentences
