-- Keep jobs that have ended for ever.
--- @include even_when_full, job, lifetime
-- ARGV: ids. Answer: for each job RQ's status, empty for an unknown one, UNREADABLE for a key that holds no hash. Jobs that have not ended are left alone.
local ids = ARGV

local answer = {}
for _, id in ipairs(ids) do
  local job = read_job(id, 'origin')
  local status, queue = job[1] or '', job[2] or ''
  local registry = FINAL_REGISTRY[status]
  if registry then
    redis.call('HSET', job_key(id), KEPT, '1')
    expire_job(id, 0)
    redis.call('ZADD', registry_key(registry, queue), 'XX', '+inf', id)
  end
  answer[#answer + 1] = status
end
return answer
