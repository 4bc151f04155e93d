-- object_change(webhookId, kind, id, expected JSON or '' for any, new JSON or '' for the same, n, terms to drop, n, terms to add)
--   -> 1 | 0 not as expected, or not there
local objects, terms = shelf(ARGV[1], ARGV[2])
local id, expected, new = ARGV[3], ARGV[4], ARGV[5]
local found = redis.call('HGET', objects, id)
if not found or (expected ~= '' and found ~= expected) then return 0 end
local dropped, at = given_terms(6)
change_terms(objects, terms, id, dropped, (given_terms(at)))
if new ~= '' then redis.call('HSET', objects, id, new) end
return 1
