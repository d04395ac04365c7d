-- The keys of the indexes by task, tag and owner. Those that have become empty are forgotten; a submit names them again.

local there = {}
for _, key in ipairs(redis.call('SMEMBERS', 'taskdesk:indexes')) do
  if redis.call('EXISTS', key) == 1 then
    there[#there + 1] = key
  else
    redis.call('SREM', 'taskdesk:indexes', key)
  end
end
return there
