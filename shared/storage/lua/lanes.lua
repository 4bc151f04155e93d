-- Not a script: the part on how much one lane may have open, put behind the prelude of the scripts that ask.
-- A lane may hold as much as is free. So one that is loud gets half at most, the next one a quarter; there is room for others
-- for long, and whoever is loudest is refused first.
local QUIET = 1000 -- a lane with less than this part of all is never loud
local lane_loads, open_now = {}, nil

-- The records and bytes that a lane has open.
local function lane_load(lane)
  local load = lane_loads[lane]
  if not load then
    local said = redis.call('HMGET', P .. 'lanes-open', 'n:' .. lane, 'b:' .. lane)
    load = {tonumber(said[1] or 0), tonumber(said[2] or 0)}
    lane_loads[lane] = load
  end
  return load
end

-- The records and bytes that are open, counted.
local function open_load()
  if open_now then return open_now[1], open_now[2] end
  local records, bytes = 0, 0
  for state in pairs(IS_OPEN) do
    records = records + redis.call('ZCARD', P .. 'state:' .. state)
    bytes = bytes + tonumber(redis.call('HGET', P .. 'bytes', state) or 0)
  end
  open_now = {records, bytes}
  return records, bytes
end

-- True where *lane*, with so much *more*, would hold more of *most* records and *most_bytes* than is left free.
local function is_loud(lane, most, most_bytes, more, more_bytes)
  local load = lane_load(lane)
  local held, taken = load[1] + more, load[2] + more_bytes + (load[1] + more) * OPEN
  if held * QUIET < most and taken * QUIET < most_bytes then return false end
  local records, bytes = open_load()
  local free = most_bytes - bytes - more_bytes - (records + more) * OPEN
  return held > most - records - more or taken > free
end

-- Takes note of what was written since it was counted.
local function has_more(lane, records, bytes)
  local load = lane_load(lane)
  load[1], load[2] = load[1] + records, load[2] + bytes
  if open_now then open_now = {open_now[1] + records, open_now[2] + bytes} end
end

-- Gives a leased record up because its lane is loud.
local function give_up(id, lane, at, bytes)
  move(id, 'leased', 'dead', at, bytes, lane)
  has_more(lane, -1, -bytes)
  redis.call('HSET', record(id), 'state', 'dead', 'changed', NOW, 'reason', 'too much waits already for ' .. lane)
  redis.call('HDEL', record(id), 'probe', 'passed')
  without_ticket(id)
  count('dead', 1)
end
