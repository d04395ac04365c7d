-- RQ's limits on how many jobs run at the same time (rq.rate_limit, since RQ 3). Such a job needs a slot of its limit: it
-- holds the slot from when it is queued until it has ended or is scheduled. The others wait for one, oldest first.
--- @include time, enqueue

-- Queue waiting jobs as long as there are slots.
local function fill_slots(limit, now_text)
  local most = tonumber(redis.call('HGET', limit_key(limit), 'concurrency') or '') or 0
  while redis.call('ZCARD', slots_key(limit)) < most do
    local id = redis.call('ZPOPMIN', slot_waiters_key(limit))[1]
    if not id then return end
    local job = redis.call('HMGET', job_key(id), 'status', 'origin', 'enqueue_at_front')
    if job[1] == RQ_RATE_LIMITED and job[2] then
      redis.call('ZADD', slots_key(limit), now(), id)
      enqueue(id, job[2], job[3] == '1' and 'LPUSH' or 'RPUSH', now_text)
      redis.call('PUBLISH', WAKE, id)
    end
  end
end

-- Free the slot that a job holds, unless it is queued or running.
local function free_slot(id, limit, now_text)
  if not limit then return end
  redis.call('ZREM', slot_waiters_key(limit), id)
  local status = redis.call('HGET', job_key(id), 'status')
  local is_running = redis.call('ZCOUNT', executions_key(id), '(' .. now(), '+inf') > 0 -- RQ may delete such a job
  if status == RQ_QUEUED or status == RQ_STARTED or is_running then return end
  if redis.call('ZREM', slots_key(limit), id) == 1 then fill_slots(limit, now_text) end
end

-- Queue a job. If it has a limit and no slot is free, let it wait and return false.
local function enqueue_within_limit(id, queue, push, now_text)
  local job = redis.call('HMGET', job_key(id), 'rate_limit_key', 'rate_limit_concurrency')
  local limit, most = job[1], tonumber(job[2] or '')
  if limit and most then
    redis.call('SADD', RATE_LIMITS, limit)
    redis.call('HSET', limit_key(limit), 'concurrency', most)
    fill_slots(limit, now_text)
    if not redis.call('ZSCORE', slots_key(limit), id) and redis.call('ZCARD', slots_key(limit)) >= most then
      redis.call('HSET', job_key(id), 'status', RQ_RATE_LIMITED)
      redis.call('ZADD', slot_waiters_key(limit), now(), id)
      reindex(id)
      return false
    end
    redis.call('ZADD', slots_key(limit), now(), id)
  end
  enqueue(id, queue, push, now_text)
  return true
end
