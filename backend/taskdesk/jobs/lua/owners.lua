-- Measure the memory that the jobs of each owner take, and index the jobs by owner: an earlier version did not.
--- @include even_when_full, bytes, job
-- ARGV: for each job its number and its id. Answer: owners and bytes in turn.
local jobs = ARGV

local sizes, answer = {}, {}
for i = 1, #jobs, 2 do
  local number, id = jobs[i], jobs[i + 1]
  local owner = fields_of(id, OWNER)[1]
  if owner then
    redis.call('ZADD', owner_key(owner), number, id)
    redis.call('SADD', INDEXES, owner_key(owner))
    sizes[owner] = (sizes[owner] or 0) + size_of(id)
  end
end
for owner, size in pairs(sizes) do
  answer[#answer + 1] = owner
  answer[#answer + 1] = size
end
return answer
