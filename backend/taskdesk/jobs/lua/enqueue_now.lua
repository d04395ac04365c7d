-- Queue scheduled jobs now, as the tick does when they are due.
--- @include even_when_full, job, slots
-- ARGV: 1 now (as RQ writes it), 2… ids.
-- Answer: for each job the status that RQ had, empty for an unknown one, UNREADABLE for a key that holds no hash. Other jobs are left alone.
local now_text, ids = ARGV[1], {unpack(ARGV, 2)}

local answer = {}
for _, id in ipairs(ids) do
  local job = read_job(id, 'origin', FOREIGN)
  local status, queue = job[1] or '', job[2] or ''
  if status == RQ_SCHEDULED and not job[3] and redis.call('ZREM', registry_key(RQ_SCHEDULED, queue), id) == 1 then
    enqueue_within_limit(id, queue, 'RPUSH', now_text)
    redis.call('PUBLISH', WAKE, id)
  end
  answer[#answer + 1] = status
end
return answer
