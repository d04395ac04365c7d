-- Index jobs that RQ's own code has submitted: give each a number, as a submit does.
--- @include index
-- ARGV: for each job its id and its task.
local jobs = ARGV

for i = 1, #jobs, 2 do
  local id, task = jobs[i], jobs[i + 1]
  local job = redis.pcall('HMGET', job_key(id), 'status', 'origin', NUMBER)
  local status, queue, number = job[1], job[2], job[3]
  if not job.err and status and queue and not number then -- else it was deleted, or another worker was faster
    number = redis.call('INCR', SEQUENCE)
    redis.call('HSET', job_key(id), NUMBER, number, TASK, task, PLAIN, '1')
    redis.call('SADD', INDEXES, task_key(task))
    redis.call('ZADD', task_key(task), number, id)
    redis.call('ZADD', JOBS, number, id)
    reindex(id)
  end
end
