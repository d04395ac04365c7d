-- End job n with success, and reserve the next: the one round trip of a worker's cycle. Sent again after a lost answer,
-- it changes nothing and gives the same answer. A call of Redis costs 3 µs here: there is none to spare.
--- @include is_full, execution
-- KEYS: the queues to reserve from, the most urgent first; none when the worker is about to stop.
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 execution for the next job, 4 seconds until rq:wip forgets it;
--       5 id and 6 execution of a prefetched job that begins now, empty if there is none: then the next job is
--       prefetched; of the job that has succeeded: 7 id, 8 execution, 9 queue, 10 result (base64 of JSON), 11 seconds to
--       keep it, 12 kinds of its parts, 13 began, 14 ended (Unix); if it is large, 15 its stamp, 16 its preview.
-- Answer: {Previous, Next (worker/answers.py), …}. After NEXT_JOB follow id, execution, queue and fields; after
--       NEXT_PAUSED, the queues that are paused. worker/child/reservation.py decodes it.
local worker_name, now_text, next_execution, lease, begins, begins_execution,
  finished, finished_execution, finished_queue, result, ttl, kinds, began_at, ended_at, stamp, preview = unpack(ARGV)

local MAX_POPS = 500 -- ids without a job that one call passes over

local worker = WORKER_KEY .. worker_name
local ended, news = PREVIOUS_ENDED, ''
local clock = tonumber(redis.call('TIME')[1])

if finished then
  local key = JOB_KEY .. finished
  ttl = tonumber(ttl)
  local job = redis.pcall('HMGET', key, 'status', NUMBER, STOP, WEBHOOK) -- somebody may have damaged the key
  if job[3] or redis.call('EXISTS', key .. DEPENDENTS_SUFFIX) == 1 then
    if begins ~= '' then
      redis.call('HSET', worker, 'current_job', begins, EXECUTION, begins_execution)
      redis.call('HDEL', worker, PREFETCHED)
    end
    return {PREVIOUS_NEEDS_RQ, NEXT_NONE}
  end
  local is_mine = redis.call('ZREM', WIP_KEY .. finished_queue, finished .. ':' .. finished_execution) == 1
  if is_mine and job[1] == RQ_STARTED then
    redis.call('HSET', key, 'status', RQ_FINISHED, 'ended_at', now_text, 'last_heartbeat', now_text, RESULT_KINDS, kinds)
    if stamp then redis.call('HSET', key, RESULT_STAMP, stamp, RESULT_PREVIEW, preview) end
    local results = RESULTS_KEY .. finished
    if result == '' then
      redis.call('XADD', results, 'MAXLEN', '~', MAX_RESULTS, '*', 'type', RESULT_SUCCESSFUL, 'worker_name', worker_name,
        'execution_id', finished_execution, 'execution_started_at', began_at, 'execution_ended_at', ended_at)
    else
      redis.call('XADD', results, 'MAXLEN', '~', MAX_RESULTS, '*', 'type', RESULT_SUCCESSFUL, 'worker_name', worker_name,
        'return_value', result, 'execution_id', finished_execution, 'execution_started_at', began_at,
        'execution_ended_at', ended_at)
    end
    if ttl > 0 then -- lifetime.lua without the keys of dependents and dependencies, which this job does not have
      redis.call('EXPIRE', results, ttl)
      redis.call('EXPIRE', key, ttl)
      redis.call('EXPIRE', LOG_KEY .. finished, ttl)
      if ttl < EVENTS_TTL_SECONDS then redis.call('EXPIRE', EVENTS_KEY .. finished, ttl) end
    else
      redis.call('PERSIST', LOG_KEY .. finished)
    end
    redis.call('ZADD', FINISHED_KEY .. finished_queue, ttl < 0 and '+inf' or clock + ttl, finished)
    if job[2] then
      redis.call('ZADD', index_key(finished_queue, SUCCEEDED), job[2], finished)
    else
      redis.call('RPUSH', UNLISTED, finished)
    end
    if job[4] then -- webhook.lua's note_end
      redis.call('SREM', WEBHOOK_JOBS, finished)
      redis.call('RPUSH', ENDED, RQ_FINISHED .. ' ' .. now_text .. ' ' .. job[4] .. ' ' .. finished)
    end
    news = finished
  else
    local job = redis.pcall('HMGET', key, 'status', 'worker_name', 'ended_at')
    local is_sent_again = job[1] == RQ_FINISHED and job[2] == worker_name and job[3] == now_text
    if not is_sent_again then ended = PREVIOUS_NOT_OURS end
  end
end

local function load(key)
  local fields = redis.pcall('HMGET', key, 'data', 'timeout', 'result_ttl', 'status', 'repeats_left', 'dependency_ids',
    'started_at', 'origin', 'ttl', 'enqueued_at', REQUEST, 'rate_limit_key')
  if fields[1] and string.byte(fields[1]) == 120 then -- packed by zlib, as RQ's own code does: it may have callbacks
    for _, value in ipairs(redis.call('HMGET', key, 'success_callback_name', 'success_callback_timeout',
      'failure_callback_name', 'failure_callback_timeout')) do fields[#fields + 1] = value end
  end
  return fields
end

-- The worker's record names the job that it runs, and the one that is prefetched.
local record = redis.call('HMGET', worker, 'current_job', EXECUTION, PREFETCHED, SHOWN, 'birth', 'death')
local current_job, current_execution, prefetched = record[1], record[2], record[3]
if not record[5] then -- another worker took this one for lost: what it is given now must be found if it dies at once
  redis.call('HSET', worker, 'state', 'idle')
  redis.call('EXPIRE', worker, RECORD_TTL_SECONDS)
  redis.call('ZADD', WORKERS, clock, worker_name)
end
if finished and record[4] == finished_execution then
  redis.call('DEL', EXECUTION_KEY .. finished .. ':' .. finished_execution, EXECUTIONS_KEY .. finished,
    worker .. WORKER_EXECUTIONS_SUFFIX)
end

local function deliver(id, execution, queue, fields)
  if begins ~= '' then
    redis.call('HSET', worker, 'current_job', begins, EXECUTION, begins_execution, PREFETCHED, id .. ':' .. execution)
  else
    redis.call('HSET', worker, 'current_job', id, EXECUTION, execution, 'state', 'busy')
    if prefetched and id ~= current_job then redis.call('HDEL', worker, PREFETCHED) end -- else it is next after this one
  end
  if news ~= '' then redis.call('PUBLISH', WAKE, news) end
  return {ended, NEXT_JOB, id, execution, queue, fields}
end

local function stay(following, queues)
  if news ~= '' then redis.call('PUBLISH', WAKE, news) end
  if prefetched then redis.call('HDEL', worker, PREFETCHED) end
  if begins ~= '' then
    redis.call('HSET', worker, 'current_job', begins, EXECUTION, begins_execution, 'state', 'busy')
  else
    if current_execution then forget(worker, current_execution) end
    redis.call('HSET', worker, 'state', following == NEXT_SUSPENDED and following or 'idle')
  end
  return {ended, following, queues}
end

-- A job that this worker holds and did not begin: its answer was lost, the child died with it, or it was prefetched.
local function held(id, execution)
  if not id or not execution or execution == finished_execution or execution == begins_execution then return end
  local queue = queue_of(id)
  if redis.call('ZSCORE', WIP_KEY .. queue, id .. ':' .. execution)
    and redis.call('HGET', JOB_KEY .. id, 'status') == RQ_STARTED then
    return deliver(id, execution, queue, load(JOB_KEY .. id))
  end
end

local again = held(current_job, current_execution) or (prefetched and held(string.match(prefetched, JOB_AND_EXECUTION)))
if again then return again end

-- A job that has run is ended although Redis is full, but none begins: its result would be more than Redis may have.
-- Nor after the worker has left: this call is of a child that was killed, and was late on its way here.
if #KEYS == 0 or is_full or record[6] then return stay(NEXT_NONE) end
local paused = {}
if redis.call('EXISTS', RQ_SUSPENDED, PAUSED) > 0 then
  if redis.call('EXISTS', RQ_SUSPENDED) == 1 then return stay(NEXT_SUSPENDED) end
  for _, queue in ipairs(redis.call('SMEMBERS', PAUSED)) do paused[QUEUE_KEY .. queue] = true end
end

local pops = 0
for i = 1, #KEYS do
  local id = not paused[KEYS[i]] and redis.call('LPOP', KEYS[i])
  while id do
    local key = JOB_KEY .. id
    local fields = load(key)
    local status, started_at = fields[4], fields[7]
    if status == RQ_QUEUED or status == RQ_CREATED or status == RQ_DEFERRED or status == RQ_SCHEDULED
      or (not status and not fields.err and redis.call('EXISTS', key) == 1) then
      local queue = fields[8]
      if not queue then
        queue = string.sub(KEYS[i], #QUEUE_KEY + 1)
        redis.call('HSET', key, 'origin', queue)
      end
      if started_at then -- of an attempt before; RQ's own tools leave it empty
        local cause = redis.call('HGET', key, CAUSE)
        if cause then redis.call('ZREM', CAUSE_JOBS_KEY .. cause, id) end
        redis.call('HDEL', key, ERROR, CAUSE, RETRIED_AS, PROGRESS, RESULT_KINDS, RESULT_STAMP, RESULT_PREVIEW, STOP, KEPT)
        redis.call('PERSIST', key)
      elseif fields[9] then
        redis.call('PERSIST', key)
      end
      redis.call('HSET', key, 'status', RQ_STARTED, 'started_at', now_text, 'last_heartbeat', now_text,
        'worker_name', worker_name)
      redis.call('ZADD', WIP_KEY .. queue, clock + lease, id .. ':' .. next_execution)
      redis.call('ZREM', index_key(queue, QUEUED), id)
      if fields[12] then -- a job of one of RQ's limits keeps its slot while it has an execution, whatever RQ's tools do
        local execution = EXECUTION_KEY .. id .. ':' .. next_execution
        redis.call('HSET', execution, 'id', next_execution, 'job_id', id, 'created_at', clock, 'last_heartbeat', clock,
          'worker_name', worker_name, 'rate_limit_key', fields[12])
        redis.call('EXPIRE', execution, lease)
        redis.call('ZADD', EXECUTIONS_KEY .. id, clock + lease, next_execution)
        redis.call('EXPIRE', EXECUTIONS_KEY .. id, lease)
      end
      news = news .. ' ' .. id
      return deliver(id, next_execution, queue, fields)
    end
    redis.call('ZREM', index_key(string.sub(KEYS[i], #QUEUE_KEY + 1), QUEUED), id)
    pops = pops + 1
    if pops >= MAX_POPS then return stay(NEXT_AGAIN) end
    id = redis.call('LPOP', KEYS[i])
  end
end
if next(paused) then return stay(NEXT_PAUSED, redis.call('SMEMBERS', PAUSED)) end
return stay(NEXT_NONE)
