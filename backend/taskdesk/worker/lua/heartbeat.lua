-- Store that a worker lives, and tell its supervisor whether the job that runs should go on.
--- @include even_when_full, time, execution, throughput
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 seconds until the worker's record expires; its news: 4 their number, 5 jobs
--       that succeeded since the last, 6 their seconds, 7 their number by queue (JSON); 8 bytes of memory of its child;
--       while a job runs: 9 id, 10 execution, 11 seconds until rq:wip forgets it, 12 began (Unix), 13 1 while its
--       function runs; if its worker tells the end of the job before it only when this one ends: 14 id and 15 execution of
--       that.
-- News that are sent again count once.
-- Answer: {1 if the worker's record is whole, an Order about the job, the time as TIME tells it}.
--       worker/supervisor/heartbeat.py decodes it.
local worker_name, now_text, record_seconds, news_number, succeeded, succeeded_seconds, succeeded_by_queue, memory,
  id, execution, lease, began, is_at_work, unconfirmed_id, unconfirmed_execution = unpack(ARGV)

local worker = worker_key(worker_name)
local clock = now()

local function add_news()
  if tonumber(succeeded) == 0 or redis.call('HGET', worker, NEWS) == news_number then return end
  redis.call('HSET', worker, NEWS, news_number)
  redis.call('HINCRBY', worker, 'successful_job_count', succeeded) -- less, if the last was read while the child wrote
  redis.call('HINCRBYFLOAT', worker, 'total_working_time', succeeded_seconds)
  for queue, jobs in pairs(cjson.decode(succeeded_by_queue)) do
    if queue ~= '' then count_ended(queue, SUCCEEDED, jobs) end
  end
end

local function renew(id, execution)
  redis.call('ZADD', registry_key(WIP, queue_of(id)), 'XX', math.floor(clock) + lease, id .. ':' .. execution)
end

-- Keep RQ's records of the execution, which RQ's tools show.
local function show_execution()
  local index_seconds = lease + 60 -- as RQ, which lets the indexes of an execution outlive it
  redis.call('HSET', worker, SHOWN, execution)
  local key = execution_key(id, execution)
  redis.call('HSET', key, 'id', execution, 'job_id', id, 'created_at', began, 'last_heartbeat', clock,
    'worker_name', worker_name)
  redis.call('EXPIRE', key, lease)
  redis.call('ZADD', executions_key(id), math.floor(clock) + index_seconds, execution)
  redis.call('EXPIRE', executions_key(id), index_seconds)
  redis.call('SADD', worker_executions_key(worker_name), id .. ':' .. execution)
  redis.call('EXPIRE', worker_executions_key(worker_name), index_seconds)
end

-- Return ORDER_DROP if the job was canceled, deleted, or given to another worker.
local function renew_running()
  local key = job_key(id)
  if unconfirmed_id then renew(unconfirmed_id, unconfirmed_execution) end
  local is_held = redis.call('ZSCORE', registry_key(WIP, queue_of(id)), id .. ':' .. execution)
  if not is_held or redis.call('HGET', key, 'status') ~= RQ_STARTED then return ORDER_DROP end
  renew(id, execution)
  -- RQ's code that ends a job watches its hash: a write every two seconds would make it begin anew for ever.
  if is_at_work == '1' then redis.call('HSET', key, 'last_heartbeat', now_text) end
  show_execution()
  return redis.call('HEXISTS', key, STOP) == 1 and ORDER_STOP or ORDER_GO_ON
end

redis.call('ZADD', WORKERS, clock, worker_name)
redis.call('HSET', worker, 'last_heartbeat', now_text, MEMORY, memory)
redis.call('EXPIRE', worker, record_seconds)
add_news()
local is_whole = redis.call('HEXISTS', worker, 'birth')
return {is_whole, id and renew_running() or ORDER_GO_ON, redis.call('TIME')}
