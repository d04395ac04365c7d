-- The rules of an execution, for the scripts of a worker.
--
-- An execution is RQ's record of one attempt at a job. While it lasts, "<job>:<execution>" is in rq:wip:<queue>, the
-- job's status is "started" and its worker's record names both. Every script that ends it first removes that entry, so
-- one that comes late changes nothing.

local function queue_of(id)
  return redis.call('HGET', JOB_KEY .. id, 'origin') or ''
end

-- Remove the execution from the worker's record.
local function forget(worker, execution)
  local record = redis.call('HMGET', worker, EXECUTION, PREFETCHED)
  if record[1] == execution then
    redis.call('HDEL', worker, 'current_job', EXECUTION)
    redis.call('HSET', worker, 'state', 'idle')
  elseif record[2] and string.match(record[2], '[^:]*$') == execution then
    redis.call('HDEL', worker, PREFETCHED)
  end
end
