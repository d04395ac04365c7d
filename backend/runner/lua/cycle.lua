-- End job n with success, and reserve job n + 1: the one round trip of a worker's cycle. Sent again after a lost
-- answer, it changes nothing and gives the same answer.
--
-- KEYS: the queues to reserve from, the most urgent first; none when the worker is about to stop.
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 execution for the next job, 4 seconds until rq:wip forgets it;
--       of the job that has succeeded: 5 id, 6 execution, 7 queue, 8 result (base64 of JSON), 9 seconds to keep it,
--       10 kinds of its parts, 11 began, 12 ended (Unix), 13 seconds it took.
-- Answer: {ended, what, …}. `ended`: 1 yes, 0 the execution was no longer the job's own, -1 the job needs RQ's own
--       way to end, and nothing was done. `what`: "job" (then id, execution, queue, fields), "none", "suspended".

local FIELDS = {'data', 'timeout', 'result_ttl', 'status', 'repeats_left', 'dependency_ids', 'started_at', 'origin'}
local BEFORE_START = {queued = true, created = true, deferred = true, scheduled = true}
local POPS = 500 -- ids without a job that one call passes over

local worker_name, now_text, next_execution, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local worker = 'rq:worker:' .. worker_name
local ended, finished_execution = 1, ARGV[6]
local clock = math.floor(now())

if ARGV[5] then
  local id, queue, ttl = ARGV[5], ARGV[7], tonumber(ARGV[9])
  local key = 'rq:job:' .. id
  if redis.call('EXISTS', key .. ':dependents') == 1 then return {-1, 'none'} end
  local mine = redis.call('ZREM', 'rq:wip:' .. queue, id .. ':' .. finished_execution) == 1
  if mine and redis.call('HGET', key, 'status') == 'started' then
    redis.call('HSET', key, 'status', 'finished', 'ended_at', now_text, 'last_heartbeat', now_text, 'td_result', ARGV[10])
    add_result(id, 1, worker_name, 'return_value', ARGV[8], finished_execution, ARGV[11], ARGV[12])
    if ttl > 0 then
      redis.call('EXPIRE', 'rq:results:' .. id, ttl)
      redis.call('EXPIRE', key, ttl)
    end
    redis.call('ZADD', 'rq:finished:' .. queue, ttl < 0 and '+inf' or clock + ttl, id)
    redis.call('HINCRBY', worker, 'successful_job_count', 1)
    redis.call('HINCRBYFLOAT', worker, 'total_working_time', ARGV[13])
    redis.call('PUBLISH', WAKE, id)
  else
    ended = 0
  end
  if tonumber(ARGV[13]) > 0.05 then -- the supervisor has written them: see beat.lua
    redis.call('DEL', 'rq:execution:' .. id .. ':' .. finished_execution, 'rq:executions:' .. id)
  end
end

local function deliver(id, execution, queue, fields)
  return {ended, 'job', id, execution, queue, fields}
end

-- A job that this worker holds and did not begin: its answer was lost, or the child died with it.
local held = redis.call('HMGET', worker, 'current_job', 'td_execution')
if held[1] and held[2] and held[2] ~= finished_execution then
  local queue = queue_of(held[1])
  if redis.call('ZSCORE', 'rq:wip:' .. queue, held[1] .. ':' .. held[2])
    and redis.call('HGET', 'rq:job:' .. held[1], 'status') == 'started' then
    return deliver(held[1], held[2], queue, redis.call('HMGET', 'rq:job:' .. held[1], unpack(FIELDS)))
  end
end

local function stay(what)
  if held[2] then forget(worker, held[2]) end
  redis.call('HSET', worker, 'state', what == 'suspended' and what or 'idle')
  return {ended, what}
end

if #KEYS == 0 then return stay('none') end
if redis.call('EXISTS', 'rq:suspended') == 1 then return stay('suspended') end

local pops = 0
for i = 1, #KEYS do
  local id = redis.call('LPOP', KEYS[i])
  while id do
    local key = 'rq:job:' .. id
    local fields = redis.call('HMGET', key, unpack(FIELDS))
    local status = fields[4]
    if BEFORE_START[status] or (not status and redis.call('EXISTS', key) == 1) then
      local queue = string.sub(KEYS[i], 10)
      if not fields[8] then redis.call('HSET', key, 'origin', queue) end
      queue = fields[8] or queue
      if fields[7] and fields[7] ~= '' then -- of an attempt before
        redis.call('HDEL', key, 'td_error', 'td_progress', 'td_result', 'td_stop')
      end
      redis.call('HSET', key, 'status', 'started', 'started_at', now_text, 'last_heartbeat', now_text,
        'worker_name', worker_name)
      redis.call('PERSIST', key)
      redis.call('ZADD', 'rq:wip:' .. queue, clock + tonumber(lease), id .. ':' .. next_execution)
      redis.call('HSET', worker, 'current_job', id, 'td_execution', next_execution, 'state', 'busy')
      redis.call('PUBLISH', WAKE, id)
      return deliver(id, next_execution, queue, fields)
    end
    pops = pops + 1
    if pops >= POPS then return stay('again') end
    id = redis.call('LPOP', KEYS[i])
  end
end
return stay('none')
