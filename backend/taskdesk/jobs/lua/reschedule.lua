-- Let scheduled jobs, and jobs that wait in a queue, be queued at another time.
--- @include even_when_full, job, queue, slots
-- ARGV: 1 the time (Unix), 2 now (as RQ writes it), 3… ids.
-- Answer: for each job the status that RQ had, empty for an unknown one, UNREADABLE for a key that holds no hash;
--       RQ_DEFERRED for a job that was handed back. Jobs of other statuses are left alone.
local time, now_text, ids = ARGV[1], ARGV[2], {unpack(ARGV, 3)}

local answer, limits = {}, {}

local jobs = {}
for i, id in ipairs(ids) do
  local status, foreign = unpack(read_job(id, FOREIGN), 1, 2)
  answer[i] = status == RQ_SCHEDULED and foreign and RQ_DEFERRED or status or ''
  if answer[i] == RQ_SCHEDULED or status == RQ_QUEUED then jobs[#jobs + 1] = id end
end
for i, job in ipairs(take_off_all(jobs, 'rate_limit_key')) do
  local id = jobs[i]
  redis.call('HDEL', job_key(id), 'enqueued_at')
  redis.call('PERSIST', job_key(id)) -- a producer of RQ's may limit how long a job waits in its queue
  schedule(id, job[2] or '', time)
  limits[id] = job[3] or nil
  redis.call('PUBLISH', WAKE, id)
end
for _, id in ipairs(jobs) do free_slot(id, limits[id], now_text) end -- after all: none of these jobs gets a slot
return answer
