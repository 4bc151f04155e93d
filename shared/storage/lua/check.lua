-- check(how long a delivery key is kept ms, what, …) -> sentences, one for each way in which a part of the ledger contradicts itself; none when it is sound
-- Each call looks at a few keys at one instant, so that a busy store is neither held up nor slandered; what was deleted since
-- it was listed is passed over. `shared/storage/ledger_check.py` lists the keys and adds up.
local STATES = {'ready', 'leased', 'retrying', 'waiting', 'parked', 'done', 'ignored', 'dead'}
local TICKET = {ready = true, leased = true, retrying = true}
local TICKETS = 'arq:job:' .. TAG
local STUCK = 60000 -- ms after which a `once` step should have a result, or its record an end
local KEY_KEPT, COUNTED = tonumber(ARGV[1]), {done = true, ignored = true, dead = true}
local sentences = {}

local function say(...) sentences[#sentences + 1] = table.concat({...}, ' ') end
local function expect(holds, ...) if not holds then say(...) end end
local function unescaped(part)
  return (string.gsub(part, '%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end))
end

local function exists(key) return redis.call('EXISTS', key) == 1 end
local function in_zset(key, member) return redis.call('ZSCORE', P .. key, member) end

local fields = pairs_of
local function fields_of(id) return unfolded(fields(record(id))) end

local function place(r) return escaped(r['integration'] or '') .. ':' .. escaped(r['identifier'] or '') end

-- Everything parked is in the parking lot, and nothing in it could go to somebody.
local function look_at_parked(id, r)
  expect(in_zset('parked:' .. place(r), id) == r['seq'], id, 'is parked, but not in the parking lot of its identifier')
  if exists(P .. 'identifier:' .. place(r)) then
    local past = tonumber(redis.call('HGET', P .. 'unbound:' .. place(r), 'seq') or 0)
    expect(tonumber(r['seq']) <= past, id, 'is parked although its identifier is bound')
  end
end

local function look_at_journal(id)
  for name, value in pairs(fields(P .. 'journal:' .. id)) do
    local step, since = string.match(name, '^(.*):intent$'), string.match(value, '^%d+@(%d+)@once$')
    if step and since and redis.call('HEXISTS', P .. 'journal:' .. id, step .. ':result') == 0 then
      local age = math.floor((NOW - tonumber(since)) / 1000)
      expect(age * 1000 <= STUCK, id, 'began the step', step, age .. ' s ago and knows no result; it is done once, so somebody has to end it')
    end
  end
end

-- In the queue its lane and the virtual time agree with its place, or others would pass it by.
local function look_at_place(id, r)
  local place, lane = tonumber(in_zset('queue', TAG .. id) or '-1'), r['lane'] or ''
  if place < 0 then return end
  local last = tonumber(redis.call('HGET', P .. 'lanes', lane) or '-1')
  expect(last >= place, id, 'has a later place than the last one of its lane', lane)
  expect(place >= tonumber(redis.call('GET', P .. 'vtime') or 0), id, 'has a place that the queue is past')
end

-- A provider's redelivery of what is open must be known; the keys of old ones have ended, those of replayed ones may be of others.
local function look_at_key(id, r)
  if not r['dedupe'] or COUNTED[r['state']] or r['replays'] or NOW - tonumber(r['at']) > KEY_KEPT - STUCK then return end
  expect(exists(P .. 'dedupe:' .. r['dedupe']), id, 'is open, but its delivery key', r['dedupe'], 'is lost')
end

local function look_at_parent(id, parent)
  if not parent or parent == '' or not exists(record(parent)) then return end
  expect(in_zset('children:' .. parent, id), id, 'is a delivery of', parent, 'which does not list it')
end

-- A record: one state, one body, and what its state asks for.
local function look_at(id)
  local r = fields_of(id)
  local state = r['state']
  if not next(r) then return end
  if not r['came'] then return say(id, 'does not tell how it came') end
  for i, known in ipairs(STATES) do if known == state then break elseif i == #STATES then return say(id, 'has the unknown state', tostring(state)) end end
  for _, other in ipairs(STATES) do
    local score = in_zset('state:' .. other, id)
    expect((score and true or false) == (other == state), id, 'is', state, 'but the index of', other, score and 'has it' or 'lacks it')
    expect(not score or other == 'leased' or score == r['at'], id, 'is indexed under another time than it was accepted at')
  end
  expect(exists(P .. 'body:' .. id), id, 'has no body')
  expect(redis.call('STRLEN', P .. 'body:' .. id) == r['bytes'], id, 'has a body of another size than its record says')
  expect(state ~= 'leased' or tonumber(r['epoch'] or 0) >= 1, id, 'is leased without an epoch')
  local queued = in_zset('queue', TAG .. id) or in_zset('suspects', TAG .. id)
  expect((queued and true or false) == (state == 'ready'), id, 'is', state, 'but the queue says otherwise')
  local due = in_zset('due', TAG .. id)
  expect((due and true or false) == (state == 'retrying'), id, 'is', state, 'but the due times say otherwise')
  expect(not due or due == r['due'], id, 'is due at another time than its record says')
  expect(exists(TICKETS .. id) == (TICKET[state] or false), id, 'is', state, 'but its arq job says otherwise')
  expect(TICKET[state] or r['gate'] or not exists(P .. 'journal:' .. id), id, 'is', state, 'and still has a journal')
  expect(not r['gate'] or state == 'waiting', id, 'is', state, 'but behind a gate')
  if state == 'waiting' and r['gate'] then
    local behind = tonumber(in_zset('behind:' .. escaped(r['gate']), id) or -1)
    expect(behind >= tonumber(r['seq'] or 0), id, 'waits behind a gate that does not know it') -- a probe that failed is put last
    expect(in_zset('gates', r['gate']) and true, id, 'waits behind a gate that will never open')
  end
  expect(state ~= 'waiting' or r['gate'] or in_zset('order:' .. (r['installation'] or ''), id), id, 'waits, but in no order')
  local accepted = tonumber(redis.call('HGET', P .. 'totals', 'accepted') or 0)
  expect(tonumber(r['seq'] or 0) <= accepted, id, 'has a number that was never given out')
  if state == 'parked' then look_at_parked(id, r) end
  if state == 'ready' then look_at_place(id, r) end
  look_at_key(id, r)
  look_at_parent(id, r['parent'])
  look_at_journal(id)
end

-- Nothing belongs to a record that does not exist.
local function owned(kind, id) expect(exists(record(id)), kind, id, 'belongs to no record') end

local function member_of(index, member)
  if not in_zset(index, member) then return end
  local tagged = index == 'queue' or index == 'due' or index == 'suspects'
  owned(index, tagged and string.sub(member, #TAG + 1) or member)
end

local function in_parking_lot(where, id)
  if not in_zset('parked:' .. where, id) then return end
  local r = fields_of(id)
  expect(r['state'] == 'parked' and place(r) == where, id, 'is in the parking lot of', where, 'but not parked there')
end

local function is_child(parent, child)
  local of = redis.call('HGET', record(child), 'parent')
  if in_zset('children:' .. parent, child) then
    expect(not exists(record(child)) or of == parent, child, 'is no delivery of', parent)
  end
end

local function behind(where, id)
  if not in_zset('behind:' .. where, id) then return end
  local r = fields(record(id))
  expect(r['state'] == 'waiting' and escaped(r['gate'] or '') == where, id, 'is behind the gate', where, 'but does not wait there')
end

-- A gate: known to the list by which it opens, and by its facts.
local function look_at_gate(name)
  local listed, known = in_zset('gates', name), exists(P .. 'gate:' .. escaped(name))
  if listed or known then
    expect(known, 'the gate', name, 'is listed, but nothing is known of it')
    expect(listed, 'the gate', name, 'will never open')
  end
end

-- Counters only grow, and each record that is closed was counted.
local function look_at_totals()
  for state in pairs(COUNTED) do
    local counted, there = tonumber(redis.call('HGET', P .. 'totals', state) or 0), redis.call('ZCARD', P .. 'state:' .. state)
    expect(counted >= there, counted, 'were counted as', state .. ', but', there, 'are')
  end
end

-- When an installation's tokens were written last, in ms; nil where it has none.
local function tokens_written(id)
  local meta = redis.call('HGET', P .. 'state-of:' .. id .. ':integration::oauth', 'meta')
  return meta and tonumber(string.match(meta, '"updatedAt":([%d.]+)') or 0) * 1000
end

-- A refresh that was begun: its result is stored, its user was told, somebody is at it, or somebody will look.
local function look_at_refresh(id)
  local home = fields(P .. 'installation:' .. id)
  local written, due = tokens_written(id), tonumber(in_zset('renewals', unescaped(id)) or '-1')
  for name, since in pairs(fields(P .. 'refresh-of:' .. id)) do
    local began = tonumber(since)
    if not began or not string.find(name, '^refresh:%d+$') then say(id, 'has a refresh that cannot be read:', name)
    elseif written and written < began * 1000 and home['connection'] == 'connected' and not exists(P .. 'turn:' .. id)
      and NOW - began * 1000 > STUCK and (due < 0 or NOW - due > STUCK) then
      say(id, 'began to renew its tokens', math.floor(NOW / 1000 - began) .. ' s ago and knows no result, and nobody looks at it')
    end
  end
end

-- An order: only open ordered records, by their place; one is on its way, the others wait.
local function look_at_order(installation)
  local under_way, key = 0, P .. 'order:' .. installation
  if not exists(key) then return end
  for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local r = fields_of(id)
    expect(r['ordered'] and r['installation'] == installation and redis.call('ZSCORE', key, id) == r['seq'], id, 'is in an order it does not belong to')
    expect(TICKET[r['state']] or r['state'] == 'waiting', id, 'holds up its order but is', tostring(r['state']))
    if TICKET[r['state']] or r['gate'] then under_way = under_way + 1 end
  end
  expect(under_way == 1, 'the order of', installation, 'has', tostring(under_way), 'records under way')
end

-- Bindings: both sides say the same.
local function bound_to(home) return home['record'] and escaped(cjson.decode(home['record'])['integration']) .. ':' .. escaped(home['identifier'] or '') end

local function subscriptions_of(home, id)
  local found, integration = {}, escaped(cjson.decode(home['record'])['integration'])
  for _, one in ipairs(redis.call('HKEYS', P .. 'subscriptions:' .. id)) do
    found[integration .. ':' .. escaped('subscription:' .. one)] = true
  end
  return found
end

local function look_at_identifier(where)
  for _, owner in ipairs(redis.call('SMEMBERS', P .. 'identifier:' .. where)) do
    local home = fields(P .. 'installation:' .. owner)
    local mine = bound_to(home)
    expect(mine == where or mine and subscriptions_of(home, owner)[where], owner, 'owns', where, 'but says', tostring(mine))
  end
end

local function look_at_installation(id)
  local home = fields(P .. 'installation:' .. id)
  if home['record'] and (home['identifier'] or '') ~= '' then
    expect(redis.call('SISMEMBER', P .. 'identifier:' .. bound_to(home), id) == 1, id, 'says it owns', bound_to(home), 'but does not')
  end
  for where in pairs(home['record'] and subscriptions_of(home, id) or {}) do
    expect(redis.call('SISMEMBER', P .. 'identifier:' .. where, id) == 1, id, 'has subscribed', where, 'but does not own it')
  end
end

local function look_at_copy(dedupe)
  local id = redis.call('GET', P .. 'dedupe:' .. dedupe)
  if not id or not exists(record(id)) then return end -- what is done may be forgotten before its key is
  expect(facts_of(id).dedupe == dedupe, id, 'is named by the delivery key', dedupe, 'but does not name it')
end

local LOOKS = {
  record = look_at, order = look_at_order, identifier = look_at_identifier, installation = look_at_installation,
  dedupe = look_at_copy, refresh = look_at_refresh, totals = look_at_totals, gate = look_at_gate,
  ['gate key'] = function(name) look_at_gate(unescaped(name)) end,
  body = function(id) if exists(P .. 'body:' .. id) then owned('body', id) end end,
  journal = function(id) if exists(P .. 'journal:' .. id) then owned('journal', id) end end,
  children = function(id) if exists(P .. 'children:' .. id) then owned('children', id) end end,
  ['arq job'] = function(id) if exists(TICKETS .. id) then owned('arq job', id) end end,
}
local what, of = ARGV[2], ARGV[3]
for i = 4, #ARGV do
  if what == 'member' then member_of(of, ARGV[i])
  elseif what == 'parked' then in_parking_lot(of, ARGV[i])
  elseif what == 'behind' then behind(of, ARGV[i])
  elseif what == 'child' then is_child(of, ARGV[i])
  else LOOKS[what](ARGV[i]) end
end
return sentences
