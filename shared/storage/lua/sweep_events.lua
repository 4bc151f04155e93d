-- sweep_events(most, read ms, unread ms, bytes) -> {removed, how many of them nobody had read} (-1: no bound)
-- Events that their bot has read go after the one time, the others after the other. Where all of them are larger than their
-- bytes, what was read goes first, then the oldest of the longest stream: a bot that nobody reads costs no other bot its events.
local CHUNK = 20 -- an event may be large
local BOTS = 100 -- looked at in one sweep; the next one looks at others
local most, removed, unread = tonumber(ARGV[1]), 0, 0

-- Removes the oldest up to position *last*, until *enough* bytes are gone; returns how many bytes went.
local function drop(bot, last, enough)
  local key, read, gone = stream_of(bot), read_by(bot), 0
  while removed < most and gone < enough do
    local found, positions = redis.call('XRANGE', key, '-', last, 'COUNT', math.min(CHUNK, most - removed)), {}
    for _, entry in ipairs(found) do
      if gone >= enough then break end
      gone = gone + #entry[2][2] + EVENT
      positions[#positions + 1] = entry[1]
      if is_behind(entry[1], read) then unread = unread + 1 end
    end
    if #positions == 0 then break end
    redis.call('XDEL', key, unpack(positions))
    removed = removed + #positions
  end
  if gone == 0 then return 0 end
  redis.call('HINCRBY', P .. 'bytes', 'events', -gone)
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if first then
    redis.call('ZINCRBY', P .. 'events-bytes', -gone, bot)
    redis.call('ZADD', P .. 'events-since', ms_of(first[1]), bot)
  else
    redis.call('ZREM', P .. 'events-bytes', bot)
    redis.call('ZREM', P .. 'events-since', bot)
  end
  return gone
end

local function older_than(ms) return string.format('%d', NOW - ms) end

local function end_read(age)
  if age < 0 then return end
  local since = older_than(age)
  local count = redis.call('ZCOUNT', P .. 'events-since', '-inf', since)
  if count == 0 then return end
  local first = (math.floor(NOW / 1000) * BOTS) % count
  for _, bot in ipairs(redis.call('ZRANGEBYSCORE', P .. 'events-since', '-inf', since, 'LIMIT', first, BOTS)) do
    local read = read_by(bot)
    drop(bot, is_behind(read, since .. '-0') and since or read, math.huge)
  end
end

local function end_by_age(age)
  if age < 0 then return end
  for _, bot in ipairs(redis.call('ZRANGEBYSCORE', P .. 'events-since', '-inf', older_than(age), 'LIMIT', 0, BOTS)) do
    drop(bot, older_than(age), math.huge)
  end
end

local function end_by_bytes(bytes)
  local over = tonumber(redis.call('HGET', P .. 'bytes', 'events') or 0) - bytes
  if bytes < 0 or over <= 0 then return end
  for _, bot in ipairs(redis.call('ZRANGE', P .. 'events-bytes', 0, BOTS - 1, 'REV')) do
    if over > 0 then over = over - drop(bot, read_by(bot), over) end
  end
  while over > 0 and removed < most do
    local longest = redis.call('ZRANGE', P .. 'events-bytes', 0, 1, 'REV', 'WITHSCORES')
    if not longest[1] then return end
    -- Down to the second longest, so that two that are alike take turns.
    local ahead = tonumber(longest[2]) - tonumber(longest[4] or 0)
    local gone = drop(longest[1], '+', math.min(over, math.max(ahead, 1)))
    if gone == 0 then return end
    over = over - gone
  end
end

end_read(tonumber(ARGV[2]))
end_by_age(tonumber(ARGV[3]))
end_by_bytes(tonumber(ARGV[4]))
if unread > 0 then dropped('events', unread) end
return {removed, unread}
