-- Cancel jobs. A job that waits is taken off its queue. For a running job, store the request in its hash until its worker
-- has read it, and send it to the worker as RQ's send_stop_job_command does, so that it need not wait for its heartbeat.
-- ARGV: 1 now (as RQ writes it), 2 Unix time, 3 error (JSON), 4… ids.
-- Answer: for each the status that RQ knew; "started" for one that is being stopped, empty for none.

local YEAR = 31536000 -- RQ's time for failed jobs that name none
local answer = {}

local function stop(id, key)
  redis.call('HSET', key, 'td_stop', '1')
  local worker = redis.call('HGET', key, 'worker_name')
  redis.call('PUBLISH', 'rq:pubsub:' .. (worker or ''), cjson.encode({command = 'stop-job', job_id = id}))
end

local function cancel(id, key, queue)
  redis.call('ZREM', 'rq:scheduled:' .. queue, id)
  redis.call('ZREM', 'rq:deferred:' .. queue, id)
  leave_parents(id)
  redis.call('HSET', key, 'status', 'canceled', 'ended_at', ARGV[1], 'td_error', ARGV[3])
  redis.call('ZADD', 'rq:canceled:' .. queue, ARGV[2], id)
  local ttl = tonumber(redis.call('HGET', key, 'failure_ttl') or YEAR)
  if ttl > 0 then redis.call('EXPIRE', key, ttl) end
  reindex(id)
  redis.call('PUBLISH', WAKE, id)
end

local jobs = {}
for i = 4, #ARGV do
  local job = redis.call('HMGET', 'rq:job:' .. ARGV[i], 'status', 'origin')
  jobs[i] = job
  if job[1] == 'queued' or job[1] == 'created' then take_off(ARGV[i], job[2] or '') end
end
close_gaps()

for i = 4, #ARGV do
  local id, status, queue = ARGV[i], jobs[i][1], jobs[i][2] or ''
  local key = 'rq:job:' .. id
  if status == 'started' then
    stop(id, key)
  elseif status == 'queued' or status == 'created' or status == 'scheduled' or status == 'deferred' then
    cancel(id, key, queue)
  end
  answer[#answer + 1] = status or ''
end
return answer
