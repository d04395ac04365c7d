-- Return the keys of the indexes by task, tag and owner. Empty ones are forgotten: a submit names them again.

local found = {}
for _, key in ipairs(redis.call('SMEMBERS', INDEXES)) do
  if redis.call('EXISTS', key) == 1 then
    found[#found + 1] = key
  else
    redis.call('SREM', INDEXES, key)
  end
end
return found
