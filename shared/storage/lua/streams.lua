-- Not a script: the part on events of bots without a URL, put behind the prelude of the scripts that hand them over.
-- Each bot has a stream; how much lies in it, and since when, is known without looking into it.
local EVENT = 128 -- bytes that an event takes beside its own
local grown_by = {}

local function stream_of(bot) return P .. 'events:' .. escaped(bot) end
local function ms_of(position) return string.match(position, '^%d+') end

-- Puts an event into its bot's stream; `all_told` counts what was put, once for each bot.
local function tell(bot, event)
  local position = redis.call('XADD', stream_of(bot), '*', 'event', event)
  local grown = grown_by[bot] or {bytes = 0, since = ms_of(position)}
  grown_by[bot], grown.bytes = grown, grown.bytes + #event + EVENT
end

local function all_told()
  local all = 0
  for bot, grown in pairs(grown_by) do
    local now = redis.call('ZINCRBY', P .. 'events-bytes', grown.bytes, bot)
    if tonumber(now) == grown.bytes then redis.call('ZADD', P .. 'events-since', grown.since, bot) end
    all = all + grown.bytes
  end
  if all > 0 then redis.call('HINCRBY', P .. 'bytes', 'events', all) end
end

-- The position up to which a bot has read, as far as it has told.
local function read_by(bot) return redis.call('HGET', P .. 'events-read', bot) or '0-0' end

local function is_behind(position, other)
  local ms, n = string.match(position, '^(%d+)-(%d+)$')
  local other_ms, other_n = string.match(other, '^(%d+)-(%d+)$')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms > other_ms or (ms == other_ms and tonumber(n) > tonumber(other_n))
end
