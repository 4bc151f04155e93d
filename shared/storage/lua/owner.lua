-- owner(integration, identifier, named) -> {installation, its fields, its bot's fields}: the one that has the identifier, of
-- several the *named* one. {} where nobody has it, or several have it and none is named, or the named one has it not.
local owner
for _, one in ipairs(redis.call('SMEMBERS', identifier_key(ARGV[1], ARGV[2]))) do
  if ARGV[3] == '' or ARGV[3] == one then
    if owner then return {} end
    owner = one
  end
end
if not owner then return {} end
local home = redis.call('HGETALL', P .. 'installation:' .. owner)
return {owner, home, redis.call('HGETALL', P .. 'bot:' .. escaped(bot_of(owner)))}
