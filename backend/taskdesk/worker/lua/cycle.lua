-- End job n with success, and reserve the next: the one round trip of a worker's cycle. Sent again after a lost
-- answer, it changes nothing and gives the same answer. A call of Redis costs 3 µs here: there is none to spare.
--
-- KEYS: the queues to reserve from, the most urgent first; none when the worker is about to stop.
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 execution for the next job, 4 seconds until rq:wip forgets it;
--       5 id and 6 execution of a job that was reserved ahead and begins now, empty if there is none: then the next
--       job is reserved ahead, and td_next of the worker's record names it;
--       of the job that has succeeded: 7 id, 8 execution, 9 queue, 10 result (base64 of JSON), 11 seconds to keep it,
--       12 kinds of its parts, 13 began, 14 ended (Unix).
-- Answer: {ended, what, …}. `ended`: 1 yes, 0 the execution was no longer the job's own, -1 nothing was done: the job
--       needs RQ's own way to end, or was asked to stop (rq_fallback.py). `what`: "job" (then id, execution, queue, fields),
--       "none", "suspended", "paused" (then the queues that are; the others have none).

local PAUSED = 'taskdesk:paused'
local POPS = 500 -- ids without a job that one call passes over

local worker_name, now_text, next_execution, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local worker = 'rq:worker:' .. worker_name
local begins, begins_execution = ARGV[5], ARGV[6]
local finished, finished_execution = ARGV[7], ARGV[8]
local ended, news = 1, ''
local time = redis.call('TIME')
local clock = tonumber(time[1])
-- Redis refuses a script for want of memory only until it has written: so this, which writes nothing, has to be first.
-- A job that has run is ended all the same; but none begins, as its result would be more than Redis may have.
local is_full = #KEYS > 0 and type(redis.pcall('SETRANGE', 'taskdesk:nothing', 0, '')) == 'table'

if finished then
  local key, queue, ttl = 'rq:job:' .. finished, ARGV[9], tonumber(ARGV[11])
  local job = redis.call('HMGET', key, 'status', 'td_seq', 'td_stop')
  if job[3] or redis.call('EXISTS', key .. ':dependents') == 1 then
    if begins ~= '' then
      redis.call('HSET', worker, 'current_job', begins, 'td_execution', begins_execution)
      redis.call('HDEL', worker, 'td_next')
    end
    return {-1, 'none'}
  end
  local mine = redis.call('ZREM', 'rq:wip:' .. queue, finished .. ':' .. finished_execution) == 1
  if mine and job[1] == 'started' then
    redis.call('HSET', key, 'status', 'finished', 'ended_at', now_text, 'last_heartbeat', now_text, 'td_result', ARGV[12])
    local results = 'rq:results:' .. finished
    if ARGV[10] == '' then
      redis.call('XADD', results, 'MAXLEN', '~', 10, '*', 'type', 1, 'worker_name', worker_name,
        'execution_id', finished_execution, 'execution_started_at', ARGV[13], 'execution_ended_at', ARGV[14])
    else
      redis.call('XADD', results, 'MAXLEN', '~', 10, '*', 'type', 1, 'worker_name', worker_name, 'return_value', ARGV[10],
        'execution_id', finished_execution, 'execution_started_at', ARGV[13], 'execution_ended_at', ARGV[14])
    end
    if ttl > 0 then
      redis.call('EXPIRE', results, ttl)
      redis.call('EXPIRE', key, ttl)
      redis.call('EXPIRE', 'taskdesk:log:' .. finished, ttl)
      if ttl < 3600 then redis.call('EXPIRE', 'taskdesk:events:' .. finished, ttl) end -- they have about an hour
    end
    redis.call('ZADD', 'rq:finished:' .. queue, ttl < 0 and '+inf' or clock + ttl, finished)
    if job[2] then redis.call('ZADD', index_key(queue, 'succeeded'), job[2], finished) end
    news = finished
  else
    local job = redis.call('HMGET', key, 'status', 'worker_name', 'ended_at')
    if job[1] ~= 'finished' or job[2] ~= worker_name or job[3] ~= now_text then ended = 0 end -- not sent again
  end
end

local function load(key)
  return redis.call('HMGET', key, 'data', 'timeout', 'result_ttl', 'status', 'repeats_left', 'dependency_ids',
    'started_at', 'origin', 'ttl', 'enqueued_at', 'td_request')
end

-- What the worker's record names: the job that it runs, and the one that is reserved ahead.
local record = redis.call('HMGET', worker, 'current_job', 'td_execution', 'td_next', 'td_shown', 'birth')
local current_job, current_execution, ahead = record[1], record[2], record[3]
if not record[5] then -- another took us for dead: what we are given now must be found should we die before the next beat
  redis.call('HSET', worker, 'state', 'idle')
  redis.call('EXPIRE', worker, 120)
  redis.call('ZADD', 'taskdesk:workers', clock, worker_name)
end
if finished and record[4] == finished_execution then
  redis.call('DEL', 'rq:execution:' .. finished .. ':' .. finished_execution, 'rq:executions:' .. finished)
end

local function deliver(id, execution, queue, fields)
  if begins ~= '' then
    redis.call('HSET', worker, 'current_job', begins, 'td_execution', begins_execution, 'td_next', id .. ':' .. execution)
  else
    redis.call('HSET', worker, 'current_job', id, 'td_execution', execution, 'state', 'busy')
    if ahead and id ~= current_job then redis.call('HDEL', worker, 'td_next') end -- else it is next after this one
  end
  if news ~= '' then redis.call('PUBLISH', WAKE, news) end
  return {ended, 'job', id, execution, queue, fields}
end

local function stay(what, queues)
  if news ~= '' then redis.call('PUBLISH', WAKE, news) end
  if ahead then redis.call('HDEL', worker, 'td_next') end
  if begins ~= '' then
    redis.call('HSET', worker, 'current_job', begins, 'td_execution', begins_execution, 'state', 'busy')
  else
    if current_execution then forget(worker, current_execution) end
    redis.call('HSET', worker, 'state', what == 'suspended' and what or 'idle')
  end
  return {ended, what, queues}
end

-- A job that this worker holds and did not begin: its answer was lost, the child died with it, or it was reserved ahead.
local function held(id, execution)
  if not id or not execution or execution == finished_execution or execution == begins_execution then return end
  local queue = queue_of(id)
  if redis.call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution)
    and redis.call('HGET', 'rq:job:' .. id, 'status') == 'started' then
    return deliver(id, execution, queue, load('rq:job:' .. id))
  end
end

local again = held(current_job, current_execution) or (ahead and held(string.match(ahead, '^(.*):([^:]*)$')))
if again then return again end

if #KEYS == 0 or is_full then return stay('none') end
local paused = {}
if redis.call('EXISTS', 'rq:suspended', PAUSED) > 0 then
  if redis.call('EXISTS', 'rq:suspended') == 1 then return stay('suspended') end
  for _, queue in ipairs(redis.call('SMEMBERS', PAUSED)) do paused['rq:queue:' .. queue] = true end
end

local pops = 0
for i = 1, #KEYS do
  local id = not paused[KEYS[i]] and redis.call('LPOP', KEYS[i])
  while id do
    local key = 'rq:job:' .. id
    local fields = load(key)
    local status, started_at = fields[4], fields[7]
    if status == 'queued' or status == 'created' or status == 'deferred' or status == 'scheduled'
      or (not status and redis.call('EXISTS', key) == 1) then
      local queue = fields[8]
      if not queue then
        queue = string.sub(KEYS[i], 10)
        redis.call('HSET', key, 'origin', queue)
      end
      if started_at then -- of an attempt before; RQ's own tools leave it empty
        redis.call('HDEL', key, 'td_error', 'td_progress', 'td_result', 'td_stop', 'td_kept')
        redis.call('PERSIST', key)
      elseif fields[9] then
        redis.call('PERSIST', key)
      end
      redis.call('HSET', key, 'status', 'started', 'started_at', now_text, 'last_heartbeat', now_text,
        'worker_name', worker_name)
      redis.call('ZADD', 'rq:wip:' .. queue, clock + lease, id .. ':' .. next_execution)
      redis.call('ZREM', index_key(queue, 'queued'), id)
      news = news .. ' ' .. id
      return deliver(id, next_execution, queue, fields)
    end
    redis.call('ZREM', index_key(string.sub(KEYS[i], 10), 'queued'), id)
    pops = pops + 1
    if pops >= POPS then return stay('again') end
    id = redis.call('LPOP', KEYS[i])
  end
end
if next(paused) then return stay('paused', redis.call('SMEMBERS', PAUSED)) end
return stay('none')
