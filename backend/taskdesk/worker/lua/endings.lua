-- How an execution ends other than by success.

local MAX_LOSSES = 3 -- a job that lost so many workers is poison
local MOST_ATTEMPTS = 10 -- that are remembered, the last ones
local YEAR = 31536000 -- RQ's time for failed jobs that name none
local LONGEST_PAUSE = 30 -- seconds that a job which was handed back keeps off its queue
local RETURNS = 100 -- a second, about, of such jobs to a queue: more would keep its workers from those that they serve

local PARENTS = 'taskdesk:parents' -- failed jobs whose dependents have to hear of it (rq_fallback.py)
local STOPPED = '{"type": "Stopped", "title": "Stopped", "detail": "The job was stopped."}'

local function poison()
  return cjson.encode({type = 'Poison', title = 'Worker lost',
    detail = 'The job lost its worker ' .. MAX_LOSSES .. ' times, and is not tried again.'})
end

local function set_ttl(key, ttl)
  if ttl > 0 then redis.call('EXPIRE', key, ttl) end
end

local function add_result(id, type, worker_name, value_field, value, execution, began, ended)
  local fields = {'type', type, 'worker_name', worker_name}
  local function add(field, text)
    if text and text ~= '' then
      fields[#fields + 1] = field
      fields[#fields + 1] = text
    end
  end
  add(value_field, value)
  add('execution_id', execution)
  add('execution_started_at', began)
  add('execution_ended_at', ended)
  redis.call('XADD', 'rq:results:' .. id, 'MAXLEN', '~', 10, '*', unpack(fields))
end

-- Back on its queue, as RQ's Queue._enqueue_job does.
local function enqueue(id, queue, push, now_text)
  local key = 'rq:job:' .. id
  redis.call('HSET', key, 'status', 'queued', 'enqueued_at', now_text)
  redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
  redis.call(push, 'rq:queue:' .. queue, id)
  set_ttl(key, tonumber(redis.call('HGET', key, 'ttl') or 0) or 0)
  reindex(id, push == 'RPUSH')
end

-- When the next attempt is due, in seconds from now: RQ's Job.get_retry_interval.
local function retry_interval(key, retries_left)
  local text = redis.call('HGET', key, 'retry_intervals')
  local known, intervals = pcall(cjson.decode, text or '[]')
  if not known or type(intervals) ~= 'table' or #intervals == 0 then return 0 end
  return tonumber(intervals[math.max(#intervals - retries_left, 0) + 1] or intervals[#intervals]) or 0
end

-- JSON of a field that others may have damaged: a script that raised here would leave its job astray.
local function decoded(text)
  local is_whole, value = pcall(cjson.decode, text or '[]')
  return is_whole and type(value) == 'table' and value or {}
end

-- What an attempt was that is followed by another: jobs/job.py reads it.
local function remember_attempt(key, now_text, error)
  local job = redis.call('HMGET', key, 'td_attempts', 'started_at', 'worker_name')
  local attempts = decoded(job[1])
  if #attempts == MOST_ATTEMPTS then table.remove(attempts, 1) end
  table.insert(attempts, {started_at = job[2], ended_at = now_text, worker = job[3], error = cjson.decode(error)})
  redis.call('HSET', key, 'td_attempts', cjson.encode(attempts))
end

local function retry(id, queue, retries_left, now_text, error, interval, is_lost)
  local key = 'rq:job:' .. id
  remember_attempt(key, now_text, error)
  redis.call('HSET', key, 'retries_left', retries_left - 1, 'ended_at', now_text, 'td_error', error)
  if interval <= 0 then
    local front = is_lost or redis.call('HGET', key, 'enqueue_at_front_on_retry') == '1'
    enqueue(id, queue, front and 'LPUSH' or 'RPUSH', now_text)
    return 'queued'
  end
  redis.call('HSET', key, 'status', 'scheduled')
  redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
  redis.call('ZADD', 'rq:scheduled:' .. queue, now() + interval, id)
  reindex(id)
  return 'scheduled'
end

-- Of the versions of a task that are online, one that has not refused the job.
local function untried(refused, versions)
  for version in string.gmatch(versions, '%S+') do
    if not string.find(refused .. ' ', ' ' .. version .. ' ', 1, true) then return version end
  end
end

-- Hand back a job that its worker can't run: RQ's scheduler queues it again after 1, 2, 4 … seconds, at the tail, for a
-- worker of any kind; one of ours that serves it takes it before that (adopt.lua). `foreign`: see release.lua.
-- Returns how often it was handed back; nil if it has to fail, with the error that is in `end_` then.
local function hand_back(id, queue, end_)
  local key, foreign, clock = 'rq:job:' .. id, end_.foreign, now()
  local known = redis.call('HGET', key, 'td_foreign')
  local state = handed_back(known) or {since = string.format('%.6f', clock), tries = 0, refused = ''}
  local over = tonumber(state.since) + foreign.ttl
  if clock >= over then
    end_.error, end_.traceback, end_.is_over = foreign.error, foreign.traceback, true
    return nil
  end
  state.wanted = foreign.reference
  if foreign.version ~= '' then
    state.refused = untried(state.refused, foreign.version) and state.refused .. ' ' .. foreign.version or state.refused
    local version = untried(state.refused, foreign.others)
    if not version then return nil end
    state.wanted = foreign.reference .. '@' .. version
  end
  state.tries, state.reason = state.tries + 1, foreign.reason
  local pause = math.max(math.min(2 ^ (state.tries - 1), LONGEST_PAUSE), redis.call('ZCARD', foreign_key(queue)) / RETURNS)
  redis.call('HDEL', key, 'started_at', 'last_heartbeat', 'worker_name')
  redis.call('HSET', key, 'status', 'scheduled', 'td_foreign', cjson.encode(state))
  redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
  redis.call('ZADD', 'rq:scheduled:' .. queue, math.min(clock + pause, over), id)
  reindex(id)
  return state.tries
end

-- End an execution other than by success. `how`:
--   failed    the task raised, or was over a limit: tried again if the job has attempts left
--   lost      its process died: as failed, but tried again at once, at the head of its queue, as nobody has found anything wrong
--             with the job; one that loses MAX_LOSSES processes is not tried again
--   stopped   somebody stopped the job
--   put_back  it did not begin, or has to make way: to the head of its queue, and no attempt is charged
--   foreign   its worker can't run it: handed back, and no attempt is charged; as failed if nobody else could either
-- Returns the job's new status, and how often it was handed back; false if the execution is no longer the job's own.
local function release(end_)
  local id, execution, how = end_.id, end_.execution, end_.how
  local key, queue, worker = 'rq:job:' .. id, queue_of(id), 'rq:worker:' .. end_.worker
  local mine = redis.call('ZREM', 'rq:wip:' .. queue, id .. ':' .. execution) == 1
  redis.call('DEL', 'rq:execution:' .. id .. ':' .. execution)
  redis.call('ZREM', 'rq:executions:' .. id, execution)
  forget(worker, execution)
  if not mine or redis.call('HGET', key, 'status') ~= 'started' then return false end
  redis.call('PUBLISH', WAKE, id)
  local error = end_.error
  if redis.call('HEXISTS', key, 'td_stop') == 1 and how ~= 'stopped' then how, error = 'stopped', STOPPED end
  if how == 'foreign' then
    local times = hand_back(id, queue, end_)
    if times then return 'scheduled', times end
    how, error = 'failed', end_.error
  end
  if how == 'put_back' then
    redis.call('HDEL', key, 'td_progress')
    enqueue(id, queue, 'LPUSH', end_.now_text)
    return 'queued'
  end
  redis.call('HDEL', key, 'td_progress', 'td_stop', 'td_foreign')

  if redis.call('EXISTS', worker) == 1 then
    redis.call('HINCRBY', worker, 'failed_job_count', 1)
    if end_.seconds then redis.call('HINCRBYFLOAT', worker, 'total_working_time', end_.seconds) end
  end
  local losses = how == 'lost' and redis.call('HINCRBY', key, 'td_losses', 1) or 0
  local retries_left = tonumber(redis.call('HGET', key, 'retries_left') or 0) or 0
  if how ~= 'stopped' and not end_.is_over and retries_left > 0 and losses < MAX_LOSSES then
    local interval = how == 'lost' and 0 or retry_interval(key, retries_left)
    return retry(id, queue, retries_left, end_.now_text, error, interval, how == 'lost')
  end

  local failure_ttl = tonumber(redis.call('HGET', key, 'failure_ttl') or '')
  local status = how == 'stopped' and 'stopped' or 'failed'
  redis.call('HSET', key, 'status', status, 'ended_at', end_.now_text, 'last_heartbeat', end_.now_text,
    'td_error', losses < MAX_LOSSES and error or poison())
  add_result(id, 2, end_.worker, 'exc_string', end_.traceback, execution, end_.began, end_.ended)
  set_ttl('rq:results:' .. id, failure_ttl or 0)
  set_ttl(key, failure_ttl or YEAR)
  set_ttl('taskdesk:log:' .. id, failure_ttl or YEAR)
  set_ttl(key .. ':dependents', failure_ttl or YEAR)
  set_ttl('rq:job::' .. id .. ':dependencies', failure_ttl or YEAR)
  local ttl = failure_ttl or YEAR
  if ttl < 3600 then set_ttl('taskdesk:events:' .. id, ttl) end -- they have about an hour
  redis.call('ZADD', 'rq:failed:' .. queue, ttl < 0 and ttl or math.floor(now()) + ttl, id)
  reindex(id)
  if status == 'failed' then
    if redis.call('EXISTS', key .. ':dependents') == 1 then redis.call('SADD', PARENTS, id) end
    count_ended(queue, status, 1)
  end
  return status
end
