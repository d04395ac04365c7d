-- Queue the scheduled jobs that are due and the jobs whose dependencies are met, take the jobs of lost workers, and name
-- the schedules that are due. Every worker may call this; Redis runs one script at a time, so no leader has to be fenced.
--- @include time, settle, due, schedules, wanted, ready
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 error (JSON) and 4 traceback for jobs of lost workers, 5… queues.
-- Answer: {Tick (worker/answers.py); failed jobs whose dependents have to hear of it; jobs whose worker was lost, each with
--       its request's id and its error; the tasks that handed-back jobs of these queues want; schedules that are due, for
--       this worker to handle; Redis's time (Unix)}.
--       worker/supervisor/settlement.py decodes it.
local worker_name, now_text, lost_error, lost_traceback, queues = ARGV[1], ARGV[2], ARGV[3], ARGV[4], {unpack(ARGV, 5)}

local TAKEOVER_SECONDS = 4 -- between two looks for lost workers
local GRACE_SECONDS = 15
local MAX_JOBS, MAX_WORKERS = 200, 20 -- that one call handles
local MAX_LOST, LOST_SECONDS = 50, 24 * 3600 -- lost workers that are remembered, for alerts, and for how long

local clock = now()
local next_tick, lost, wanted = TICK_SELDOM, {}, {}
local parents = redis.call('SRANDMEMBER', PARENTS, MAX_JOBS)

local function look_for_wanted()
  if redis.call('EXISTS', unpack(keys_of(queues, foreign_key))) == 0 then return end
  for _, queue in ipairs(queues) do
    walk_wanted(queue, function(task) wanted[#wanted + 1] = task end)
  end
end

-- Return true if it is time to look for lost workers. If Redis was away, or its clock was set, no worker could send a
-- heartbeat: wait GRACE_SECONDS until they have.
local function is_takeover_due()
  local last = tonumber(redis.call('GET', LAST_TAKEOVER) or 0)
  if clock - last < TAKEOVER_SECONDS and clock >= last then return false end
  redis.call('SET', LAST_TAKEOVER, clock)
  if clock - last > GRACE_SECONDS or clock < last then redis.call('SET', TAKEOVER_GRACE, 1, 'EX', GRACE_SECONDS) end
  return redis.call('EXISTS', TAKEOVER_GRACE) == 0
end

local function lose(worker, how, id, execution)
  local status, _, stored_error = release({worker = worker, now_text = now_text, how = how, id = id, execution = execution,
    error = lost_error, traceback = lost_traceback})
  if status and how == HOW_LOST then
    lost[#lost + 1] = {id, redis.call('HGET', job_key(id), REQUEST) or '', stored_error}
  end
end

local function take_over(worker)
  local key = worker_key(worker)
  local record = redis.call('HMGET', key, 'current_job', EXECUTION, 'queues', PREFETCHED)
  local current_job, execution, its_queues, prefetched = record[1], record[2], record[3], record[4]
  local next_job, next_execution = string.match(prefetched or '', JOB_AND_EXECUTION)
  if next_job and not is_damaged(next_job) then lose(worker, HOW_REQUEUED, next_job, next_execution) end
  if current_job and execution and not is_damaged(current_job) then lose(worker, HOW_LOST, current_job, execution) end
  redis.call('ZREM', WORKERS, worker)
  redis.call('SREM', RQ_WORKERS, key)
  for queue in string.gmatch(its_queues or '', '[^,]+') do redis.call('SREM', queue_workers_key(queue), key) end
  local host = redis.call('HMGET', key, 'hostname', 'pid')
  redis.call('ZADD', LOST_WORKERS, clock, worker .. ' ' .. (host[1] or '') .. ' ' .. (host[2] or ''))
  redis.call('ZREMRANGEBYRANK', LOST_WORKERS, 0, -MAX_LOST - 1)
  redis.call('EXPIRE', LOST_WORKERS, LOST_SECONDS)
  redis.call('DEL', key, worker_executions_key(worker))
end

-- Jobs whose worker left no record: of a stock worker, or from when Redis was away for long.
local function take_abandoned(queue)
  local wip = registry_key(WIP, queue)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', wip, '-inf', clock, 'LIMIT', 0, MAX_JOBS)) do
    local id, execution = string.match(member, JOB_AND_EXECUTION)
    if not id or redis.call('EXISTS', job_key(id)) == 0 or is_damaged(id) then
      redis.call('ZREM', wip, member)
    else
      lose(redis.call('HGET', job_key(id), 'worker_name') or '', HOW_LOST, id, execution)
    end
  end
end

local function queue_what_is_ready()
  for _, queue in ipairs(queues) do
    for _, id in ipairs(redis.call('ZRANGE', registry_key(READY, queue), 0, MAX_JOBS - 1)) do
      enqueue_ready(id, queue, now_text)
    end
  end
end

local serves, is_more_due = serve_scheduled(queues, worker_name, clock, now_text)
if serves then next_tick = is_more_due and TICK_AT_ONCE or TICK_OFTEN end
queue_what_is_ready()
look_for_wanted()
if is_takeover_due() then
  local silent = redis.call('ZRANGEBYSCORE', WORKERS, '-inf', clock - LEASE_SECONDS, 'LIMIT', 0, MAX_WORKERS)
  for _, worker in ipairs(silent) do take_over(worker) end
  for _, queue in ipairs(queues) do take_abandoned(queue) end
end
return {next_tick, parents, lost, wanted, due_schedules(worker_name, clock), tostring(clock)}
