-- RQ's limits on how many jobs run at the same time (rq.rate_limit, since RQ 3). Such a job needs a slot of its limit: it
-- holds the slot from when it is queued until it has ended or is scheduled. The others wait for one, oldest first.
--- @include time, enqueue

local MAX_WAITERS = 10000 -- that one call looks at: more than a few only if their jobs are gone

-- Return how many jobs of a limit may run; nil if somebody has damaged it.
local function most_of(text)
  local most = string.match(text or '', '^%d+$') and tonumber(text)
  return most and most > 0 and most or nil
end

-- Return false if a key of the limit holds something else, as those of RQ's limits "k" and "k:allowed" do: it limits nothing.
local function is_whole(limit)
  local function is(key, kind)
    local found = redis.call('TYPE', key).ok
    return found == kind or found == 'none'
  end
  return is(limit_key(limit), 'hash') and is(slots_key(limit), 'zset') and is(slot_waiters_key(limit), 'zset')
end

-- Return how many jobs of the limit may run: what its oldest job says if nobody else does.
local function read_most(limit)
  local most = most_of(redis.call('HGET', limit_key(limit), 'concurrency'))
  local oldest = not most and redis.call('ZRANGE', slot_waiters_key(limit), 0, 0)[1]
  if oldest then
    most = most_of(fields_of(oldest, 'rate_limit_concurrency')[1]) or 1
    redis.call('HSET', limit_key(limit), 'concurrency', most) -- RQ's tools raise errors until it is mended
  end
  return most or 0
end

-- Queue waiting jobs as long as there are slots. Return true if there may be more.
local function fill_slots(limit, now_text)
  local most = read_most(limit)
  for _ = 1, MAX_WAITERS do
    if redis.call('ZCARD', slots_key(limit)) >= most then return false end
    local id = redis.call('ZPOPMIN', slot_waiters_key(limit))[1]
    if not id then return false end
    local job = fields_of(id, 'status', 'origin', 'enqueue_at_front')
    if job[1] == RQ_RATE_LIMITED and job[2] then
      redis.call('ZADD', slots_key(limit), now(), id)
      enqueue(id, job[2], job[3] == '1' and 'LPUSH' or 'RPUSH', now_text)
      redis.call('PUBLISH', WAKE, id)
    end
  end
  return true
end

-- Free the slot that a job holds, unless it is queued or running. The job may wait for a slot again.
local function free_slot(id, limit, now_text)
  if not limit or not is_whole(limit) then return end
  local status = redis.call('HGET', job_key(id), 'status')
  if status ~= RQ_RATE_LIMITED then redis.call('ZREM', slot_waiters_key(limit), id) end
  local is_running = redis.call('ZCOUNT', executions_key(id), '(' .. now(), '+inf') > 0 -- RQ may delete such a job
  if status == RQ_QUEUED or status == RQ_STARTED or is_running then return end
  if redis.call('ZREM', slots_key(limit), id) == 1 then fill_slots(limit, now_text) end
end

-- Queue a job. If it has a limit and no slot is free, let it wait and return false.
local function enqueue_within_limit(id, queue, push, now_text)
  local job = redis.call('HMGET', job_key(id), 'rate_limit_key', 'rate_limit_concurrency')
  local limit, most = job[1], most_of(job[2])
  if limit and limit ~= '' and most and is_whole(limit) then
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
