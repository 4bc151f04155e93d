-- object_drop(webhookId, kind, id) -> 1 | 0 not there
local objects, terms = shelf(ARGV[1], ARGV[2])
if redis.call('HEXISTS', objects, ARGV[3]) == 0 then return 0 end
forget_object(objects, terms, ARGV[3])
return 1
