-- End an execution other than by success.
--- @include time, execution, throughput, lifetime, retry, hand_back, slots, causes, webhook

local STOPPED_CALLBACK_SECONDS = 3600 -- in which the worker's next process calls it

-- Add a result to RQ's stream. Empty values are left out.
local function add_result(ending, type)
  local fields = {'type', type, 'worker_name', ending.worker}
  local function add(field, text)
    if text and text ~= '' then
      fields[#fields + 1] = field
      fields[#fields + 1] = text
    end
  end
  add('exc_string', ending.traceback)
  add('return_value', ending.asked_retry and RETURNED_RETRY)
  add('execution_id', ending.execution)
  add('execution_started_at', ending.began)
  add('execution_ended_at', ending.ended)
  redis.call('XADD', results_key(ending.id), 'MAXLEN', '~', MAX_RESULTS, '*', unpack(fields))
end

local function count_for_worker(worker, seconds)
  if redis.call('EXISTS', worker) == 0 then return end
  redis.call('HINCRBY', worker, 'failed_job_count', 1)
  if seconds then redis.call('HINCRBYFLOAT', worker, 'total_working_time', seconds) end
end

-- Return the queue that the job came from, although RQ's tools may have deleted the job.
local function queue_of_execution(id, execution, worker)
  local queue = queue_of(id)
  if queue ~= '' then return queue end
  for name in string.gmatch(redis.call('HGET', worker, 'queues') or '', '[^,]+') do
    if redis.call('ZSCORE', registry_key(WIP, name), id .. ':' .. execution) then return name end
  end
  return ''
end

-- Remove the execution. Return false if it is no longer the job's own.
local function take_away(id, queue, execution, worker_name)
  local is_mine = redis.call('ZREM', registry_key(WIP, queue), id .. ':' .. execution) == 1
  redis.call('DEL', execution_key(id, execution))
  redis.call('ZREM', executions_key(id), execution)
  redis.call('SREM', worker_executions_key(worker_name), id .. ':' .. execution)
  forget(worker_key(worker_name), execution)
  return is_mine and redis.call('HGET', job_key(id), 'status') == RQ_STARTED
end

-- End the job for good.
local function fail(ending, queue, status, error)
  local id, key = ending.id, job_key(ending.id)
  local job = redis.call('HMGET', key, 'failure_ttl', WEBHOOK)
  local failure_ttl = tonumber(job[1] or '')
  local ttl = failure_ttl or DEFAULT_FAILURE_TTL
  redis.call('HSET', key, 'status', status, 'ended_at', ending.now_text, 'last_heartbeat', ending.now_text, ERROR, error)
  add_result(ending, ending.asked_retry and RESULT_MAX_RETRIES_EXCEEDED or RESULT_FAILED)
  expire_job(id, ttl)
  if not failure_ttl then redis.call('PERSIST', results_key(id)) end -- as RQ does
  redis.call('ZADD', registry_key(RQ_FAILED, queue), ttl < 0 and ttl or math.floor(now()) + ttl, id)
  if status == RQ_FAILED then pcall(count_failure, id, error, now()) end -- a damaged cause costs no job its end
  reindex(id)
  note_end(id, status, ending.now_text, job[2])
  if status == RQ_STOPPED and (redis.call('HGET', key, 'stopped_callback_name') or '') ~= '' then
    redis.call('RPUSH', stopped_callbacks_key(ending.worker), id)
    redis.call('EXPIRE', stopped_callbacks_key(ending.worker), STOPPED_CALLBACK_SECONDS)
  end
  if status == RQ_FAILED then
    if redis.call('EXISTS', dependents_key(id)) == 1 then redis.call('SADD', PARENTS, id) end
    count_ended(queue, FAILED, 1)
    local task = redis.call('HGET', key, TASK)
    if task then count_ended('task ' .. task, FAILED, 1) end -- no queue has a blank in its name
  end
end

-- Return the job's new status; nil if it has had as many retries as its task allows.
local function obey_wish(ending, queue)
  local id, key = ending.id, job_key(ending.id)
  local times = tonumber(redis.call('HGET', key, 'number_of_retries') or 0) or 0
  if times >= ending.asked_retry.max then return end
  add_result(ending, RESULT_RETRIED)
  local failure_ttl = tonumber(redis.call('HGET', key, 'failure_ttl') or '')
  if failure_ttl and failure_ttl > 0 then redis.call('EXPIRE', results_key(id), failure_ttl) end
  return retry_as_asked(id, queue, times, ending.now_text, ending.error, ending.asked_retry)
end

local function end_execution(ending)
  local id, how, error = ending.id, ending.how, ending.error
  local key, worker = job_key(id), worker_key(ending.worker)
  local queue = queue_of_execution(id, ending.execution, worker)
  if not take_away(id, queue, ending.execution, ending.worker) then return false end
  redis.call('PUBLISH', WAKE, id)
  if redis.call('HEXISTS', key, STOP) == 1 and how ~= HOW_STOPPED then
    how, error, ending.asked_retry = HOW_STOPPED, STOPPED_ERROR, nil
  end

  local is_over = false
  if how == HOW_HANDED_BACK then
    local times, is_expired = hand_back(id, queue, ending.foreign)
    if times then return RQ_SCHEDULED, times end
    if is_expired then error, ending.traceback, is_over = ending.foreign.error, ending.foreign.traceback, true end
  elseif how == HOW_REQUEUED then
    redis.call('HDEL', key, PROGRESS, RESUMED)
    enqueue(id, queue, 'LPUSH', ending.now_text)
    return RQ_QUEUED
  end

  redis.call('HDEL', key, PROGRESS, STOP, FOREIGN)
  count_for_worker(worker, ending.seconds)
  if how == HOW_ASKED then
    local status = obey_wish(ending, queue)
    if status then return status, 0, error end
    error, is_over = ATTEMPTS_OVER_ERROR, true
  end
  local losses = how == HOW_LOST and redis.call('HINCRBY', key, LOSSES, 1) or 0
  local is_poison = losses >= MAX_LOSSES
  local retries_left = tonumber(redis.call('HGET', key, 'retries_left') or 0) or 0
  if how ~= HOW_STOPPED and how ~= HOW_GIVEN_UP and not is_over and not is_poison and retries_left > 0 then
    return retry(id, queue, retries_left, ending.now_text, error, how == HOW_LOST, ending.retry_in), 0, error
  end
  local status = how == HOW_STOPPED and RQ_STOPPED or RQ_FAILED
  if is_poison then error = POISON_ERROR elseif how == HOW_LATER then error = RETRIES_OVER_ERROR end
  fail(ending, queue, status, error)
  return status, 0, error
end

-- `how`: see worker/release.py.
-- Return the job's new status, how often it was handed back, and the error that the job shows now; false if the
-- execution is no longer the job's own.
local function release(ending)
  local limit = redis.call('HGET', job_key(ending.id), 'rate_limit_key')
    or redis.call('HGET', execution_key(ending.id, ending.execution), 'rate_limit_key') -- RQ's tools deleted the job
  local status, times, error = end_execution(ending)
  free_slot(ending.id, limit, ending.now_text)
  return status, times, error
end
