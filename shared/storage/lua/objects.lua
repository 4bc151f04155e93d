-- Not a script: the part on objects and their terms, put behind the prelude of the scripts that keep them.
-- Two keys hold all objects of one kind of one installation, so that they go with it: a hash ID -> JSON and *ID -> its
-- terms, and a sorted set of TERM ID pairs in which a range is all objects with a term, oldest first. Every object has
-- the empty term.

local function shelf(installation, kind)
  local name = escaped(installation) .. ':' .. kind
  return P .. 'objects:' .. name, P .. 'terms:' .. name
end

local function pair(term, id) return #term .. ':' .. term .. id end

local function terms_of(objects, id)
  local packed = redis.call('HGET', objects, '*' .. id)
  return packed and cmsgpack.unpack(packed) or {}
end

local function put_terms(objects, terms, id, wanted)
  for _, term in ipairs(wanted) do redis.call('ZADD', terms, 0, pair(term, id)) end
  redis.call('HSET', objects, '*' .. id, cmsgpack.pack(wanted))
end

local function change_terms(objects, terms, id, dropped, added)
  local gone, kept, there = {}, {}, {}
  for _, term in ipairs(dropped) do gone[term] = true end
  for _, term in ipairs(terms_of(objects, id)) do
    if gone[term] then redis.call('ZREM', terms, pair(term, id)) else kept[#kept + 1], there[term] = term, true end
  end
  for _, term in ipairs(added) do
    if not there[term] then kept[#kept + 1], there[term] = term, true end
  end
  put_terms(objects, terms, id, kept)
end

local function forget_object(objects, terms, id)
  for _, term in ipairs(terms_of(objects, id)) do redis.call('ZREM', terms, pair(term, id)) end
  redis.call('HDEL', objects, id, '*' .. id)
end

-- The term that fewest objects have; the others are looked up.
local function rarest(terms, wanted)
  local best, least
  for _, term in ipairs(wanted) do
    local n = redis.call('ZLEXCOUNT', terms, '[' .. pair(term, ''), '(' .. pair(term, '\255'))
    if not least or n < least then best, least = term, n end
  end
  return best or ''
end

local function has_all(terms, id, wanted)
  for _, term in ipairs(wanted) do
    if not redis.call('ZSCORE', terms, pair(term, id)) then return false end
  end
  return true
end

-- Ids between *low* and *high* (both left out, '' is open) that have every term, up to *limit*; and where to go on, or ''.
-- At most 2000 are looked at, so that no call holds up the store.
local function matching(terms, wanted, low, high, newest_first, limit)
  local lead = rarest(terms, wanted)
  local from = low == '' and '[' .. pair(lead, '') or '(' .. pair(lead, low)
  local to = '(' .. pair(lead, high == '' and '\255' or high)
  local found, seen, skip = {}, 0, #pair(lead, '')
  while seen < 2000 do
    local rows = newest_first and redis.call('ZREVRANGEBYLEX', terms, to, from, 'LIMIT', seen, 200)
      or redis.call('ZRANGEBYLEX', terms, from, to, 'LIMIT', seen, 200)
    for _, row in ipairs(rows) do
      local id = string.sub(row, skip + 1)
      if has_all(terms, id, wanted) then
        if #found == limit then return found, found[limit] end
        found[#found + 1] = id
      end
      seen = seen + 1
    end
    if #rows < 200 then return found, '' end
    if seen >= 2000 then return found, string.sub(rows[#rows], skip + 1) end
  end
  return found, ''
end

local function given_terms(at)
  local wanted = {}
  for i = 1, tonumber(ARGV[at]) do wanted[i] = ARGV[at + i] end
  return wanted, at + #wanted + 1
end
