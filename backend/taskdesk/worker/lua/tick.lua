-- Queue the scheduled jobs that are due and the jobs whose dependencies are met, and take the jobs of lost workers. Every
-- worker may call this; Redis runs one script at a time, so no leader has to be fenced.
--- @include time, settle, slots, wanted, ready
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 error (JSON) and 4 traceback for jobs of lost workers, 5… queues.
-- Answer: {Tick (worker/answers.py); failed jobs whose dependents have to hear of it; jobs whose worker was lost, each with
--       its request's id and its error; the tasks that handed-back jobs of these queues want}.
--       worker/supervisor/settlement.py decodes it.
local worker_name, now_text, lost_error, lost_traceback, queues = ARGV[1], ARGV[2], ARGV[3], ARGV[4], {unpack(ARGV, 5)}

local SCHEDULER_SECONDS = 4 -- after which another worker takes over a scheduler's lock
local TAKEOVER_SECONDS = 4 -- between two looks for lost workers
local GRACE_SECONDS = 15
local WRITE_SECONDS = 60 -- RQ writes the entry of a scheduled job before the job
local MAX_JOBS, MAX_WORKERS = 200, 20 -- that one call handles

local clock = now()
local next_tick, lost, wanted = TICK_SELDOM, {}, {}
local parents = redis.call('SRANDMEMBER', PARENTS, MAX_JOBS)

local function keys_of(key_of)
  local keys = {}
  for n, queue in ipairs(queues) do keys[n] = key_of(queue) end
  return keys
end

-- Return true if there is more.
local function queue_what_is_due(queue)
  local registry = registry_key(RQ_SCHEDULED, queue)
  local due = redis.call('ZRANGEBYSCORE', registry, '-inf', clock, 'WITHSCORES', 'LIMIT', 0, MAX_JOBS)
  for n = 1, #due, 2 do
    local id, time = due[n], tonumber(due[n + 1])
    local job = fields_of(id, 'status', 'enqueue_at_front', FOREIGN)
    if job[1] == RQ_SCHEDULED then
      local at_front = job[2] == '1' and not job[3] -- at the head, its worker would do nothing but hand it back
      enqueue_within_limit(id, queue, at_front and 'LPUSH' or 'RPUSH', now_text)
      redis.call('PUBLISH', WAKE, id)
      redis.call('ZREM', registry, id)
    elseif clock - time > WRITE_SECONDS or redis.call('EXISTS', job_key(id)) == 1 then
      redis.call('ZREM', registry, id)
    end
  end
  return #due == 2 * MAX_JOBS
end

-- The locks are RQ's own, so a stock scheduler leaves these queues to us.
local function schedule_queues()
  local locks = keys_of(scheduler_lock_key)
  local owners = redis.call('MGET', unpack(locks))
  local registries = keys_of(function(queue) return registry_key(RQ_SCHEDULED, queue) end)
  local is_any_scheduled = redis.call('EXISTS', unpack(registries)) > 0
  for n, queue in ipairs(queues) do
    if not owners[n] or owners[n] == worker_name then
      next_tick = math.max(next_tick, TICK_OFTEN)
      redis.call('SET', locks[n], worker_name, 'EX', SCHEDULER_SECONDS)
      if is_any_scheduled and queue_what_is_due(queue) then next_tick = TICK_AT_ONCE end
    end
  end
end

local function look_for_wanted()
  if redis.call('EXISTS', unpack(keys_of(foreign_key))) == 0 then return end
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

schedule_queues()
queue_what_is_ready()
look_for_wanted()
if is_takeover_due() then
  local silent = redis.call('ZRANGEBYSCORE', WORKERS, '-inf', clock - LEASE_SECONDS, 'LIMIT', 0, MAX_WORKERS)
  for _, worker in ipairs(silent) do take_over(worker) end
  for _, queue in ipairs(queues) do take_abandoned(queue) end
end
return {next_tick, parents, lost, wanted}
