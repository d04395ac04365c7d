-- Let jobs that are kept for ever expire again, as long from now on as after their end.
--- @include even_when_full, job, lifetime, time
-- ARGV: ids. Answer: for each job RQ's status, empty for an unknown one, UNREADABLE for a key that holds no hash. Jobs that are not kept are left alone.
local ids = ARGV

local answer = {}
for _, id in ipairs(ids) do
  local job = read_job(id, 'origin', KEPT, 'result_ttl', 'failure_ttl')
  local status, queue = job[1] or '', job[2] or ''
  local registry = FINAL_REGISTRY[status]
  if registry and job[3] then
    local ttl = tonumber((status == RQ_FINISHED and job[4] or job[5]) or '') or DEFAULT_FAILURE_TTL
    redis.call('HDEL', job_key(id), KEPT)
    expire_job(id, ttl)
    local score = status == RQ_CANCELED and now() or ttl > 0 and now() + ttl or '+inf'
    redis.call('ZADD', registry_key(registry, queue), 'XX', score, id)
  end
  answer[#answer + 1] = status
end
return answer
