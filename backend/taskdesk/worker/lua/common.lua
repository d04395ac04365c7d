-- What the scripts share. It stands before each of them.
--
-- An execution is one run of a job. While it lasts, "<job>:<execution>" is in rq:wip:<queue>, the job's status is
-- "started" and its worker's record names both. Every end takes that entry away first: who comes late changes nothing.

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function queue_of(id)
  return redis.call('HGET', 'rq:job:' .. id, 'origin') or ''
end

-- The worker's record no longer names the execution.
local function forget(worker, execution)
  local record = redis.call('HMGET', worker, 'td_execution', 'td_next')
  if record[1] == execution then
    redis.call('HDEL', worker, 'current_job', 'td_execution')
    redis.call('HSET', worker, 'state', 'idle', 'current_job_working_time', '0')
  elseif record[2] and string.match(record[2], '[^:]*$') == execution then
    redis.call('HDEL', worker, 'td_next')
  end
end
