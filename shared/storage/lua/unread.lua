-- unread(most) -> {bot, ms since when its oldest unread event lies there, …}
-- Of the bots whose streams are the oldest.
local found = {}
for _, bot in ipairs(redis.call('ZRANGE', P .. 'events-since', 0, tonumber(ARGV[1]) - 1)) do
  local first = redis.call('XRANGE', stream_of(bot), '(' .. read_by(bot), '+', 'COUNT', 1)[1]
  if first then
    found[#found + 1] = bot
    found[#found + 1] = ms_of(first[1])
  end
end
return found
