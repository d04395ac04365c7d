-- Count what the jobs of each owner take, and index them by owner: those that an earlier version has submitted are not.
-- ARGV: ids, each after its number. Answer: owners and bytes in turn.

local sizes, answer = {}, {}
for i = 1, #ARGV, 2 do
  local id = ARGV[i + 1]
  local owner = redis.call('HGET', 'rq:job:' .. id, 'td_owner')
  if owner then
    redis.call('ZADD', owner_key(owner), ARGV[i], id)
    redis.call('SADD', NAMED, owner_key(owner))
    sizes[owner] = (sizes[owner] or 0) + size_of(id)
  end
end
for owner, size in pairs(sizes) do
  answer[#answer + 1] = owner
  answer[#answer + 1] = size
end
return answer
