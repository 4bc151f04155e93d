-- object_put(webhookId, kind, id, JSON, most objects or 0, n, terms of one that may be there, n, terms)
--   -> {1, JSON} | {0, JSON and terms of the one that is there} | {-1} no installation
-- Over *most*, the oldest one goes.
local objects, terms = shelf(ARGV[1], ARGV[2])
local id, most = ARGV[3], tonumber(ARGV[5])
if redis.call('EXISTS', P .. 'installation:' .. escaped(ARGV[1])) == 0 then return {-1} end
local same, at = given_terms(6)
local own = given_terms(at)
if #same > 0 then
  local there = matching(terms, same, '', '', false, 1)[1]
  if there then return {0, redis.call('HGET', objects, there), unpack(terms_of(objects, there))} end
end
own[#own + 1] = ''
redis.call('HSET', objects, id, ARGV[4])
put_terms(objects, terms, id, own)
if most > 0 and redis.call('ZLEXCOUNT', terms, '[' .. pair('', ''), '(' .. pair('', '\255')) > most then
  forget_object(objects, terms, matching(terms, {''}, '', '', false, 1)[1])
end
return {1, ARGV[4]}
