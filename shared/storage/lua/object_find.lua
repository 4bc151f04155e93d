-- object_find(webhookId, kind, newest first 1|0, low id, high id, limit, n, terms) -> {id to go on from or '', JSON, …}
local objects, terms = shelf(ARGV[1], ARGV[2])
local ids, following = matching(terms, (given_terms(7)), ARGV[4], ARGV[5], ARGV[3] == '1', tonumber(ARGV[6]))
local found = {following}
for _, id in ipairs(ids) do found[#found + 1] = redis.call('HGET', objects, id) or nil end
return found
