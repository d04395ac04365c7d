-- Try a job again after an attempt that failed.
--- @include time, enqueue

local MAX_ATTEMPTS_KEPT = 10 -- the last ones

-- Decode a list of a field that others may have damaged: an error here would leave the job without an end.
local function decoded(text)
  local is_whole, value = pcall(cjson.decode, text or '[]')
  return is_whole and type(value) == 'table' and value or {}
end

-- Return the seconds until the next attempt: RQ's Job.get_retry_interval.
local function retry_interval(key, retries_left)
  local intervals = decoded(redis.call('HGET', key, 'retry_intervals'))
  if #intervals == 0 then return 0 end
  return tonumber(intervals[math.max(#intervals - retries_left, 0) + 1] or intervals[#intervals]) or 0
end

-- Store what the attempt was, for jobs/job_hash.py.
local function remember_attempt(key, now_text, error)
  local job = redis.call('HMGET', key, ATTEMPTS, 'started_at', 'worker_name')
  local attempts = decoded(job[1])
  if #attempts == MAX_ATTEMPTS_KEPT then table.remove(attempts, 1) end
  table.insert(attempts, {started_at = job[2], ended_at = now_text, worker = job[3], error = cjson.decode(error)})
  redis.call('HSET', key, ATTEMPTS, cjson.encode(attempts))
end

-- Return the job's new status.
local function try_again(id, queue, now_text, error, interval, at_front)
  remember_attempt(job_key(id), now_text, error)
  redis.call('HSET', job_key(id), 'ended_at', now_text, ERROR, error)
  redis.call('HDEL', job_key(id), RESUMED)
  if interval > 0 then
    schedule(id, queue, now() + interval)
    return RQ_SCHEDULED
  end
  enqueue(id, queue, at_front and 'LPUSH' or 'RPUSH', now_text)
  return RQ_QUEUED
end

local function retries_at_front(key)
  return redis.call('HGET', key, 'enqueue_at_front_on_retry') == '1'
end

-- A job that lost its process is tried at once, at the head of its queue: nobody has found anything wrong with the job.
-- `later`: the seconds that its task has asked for.
local function retry(id, queue, retries_left, now_text, error, is_lost, later)
  local key = job_key(id)
  local interval = is_lost and 0 or later or retry_interval(key, retries_left)
  redis.call('HSET', key, 'retries_left', retries_left - 1)
  return try_again(id, queue, now_text, error, interval, is_lost or retries_at_front(key))
end

-- Try again as the task has asked (asked_retry.py), after `times` such retries. The job's own retries stay.
local function retry_as_asked(id, queue, times, now_text, error, asked_retry)
  local key = job_key(id)
  redis.call('HSET', key, 'number_of_retries', times + 1)
  if asked_retry.at_front then redis.call('HSET', key, 'enqueue_at_front_on_retry', 1) end
  local interval = tonumber(asked_retry.intervals[math.min(#asked_retry.intervals, times + 1)]) or 0
  return try_again(id, queue, now_text, error, interval, retries_at_front(key))
end
