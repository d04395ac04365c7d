-- Queue jobs again, or schedule them.
--- @include index

-- Queue a job again, as RQ's Queue._enqueue_job does. `push`: LPUSH for the head of the queue, RPUSH for its end.
local function enqueue(id, queue, push, now_text)
  local key = job_key(id)
  redis.call('HSET', key, 'status', RQ_QUEUED, 'enqueued_at', now_text)
  redis.call('SADD', RQ_QUEUES, queue_key(queue))
  redis.call(push, queue_key(queue), id)
  local ttl = tonumber(redis.call('HGET', key, 'ttl') or 0) or 0
  if ttl > 0 then redis.call('EXPIRE', key, ttl) end -- a producer of RQ's may limit how long a job waits
  reindex(id, push == 'RPUSH')
end

-- Let RQ's scheduler, ours or a stock one, queue a job at a time (Unix).
local function schedule(id, queue, time)
  redis.call('HSET', job_key(id), 'status', RQ_SCHEDULED)
  redis.call('SADD', RQ_QUEUES, queue_key(queue))
  redis.call('ZADD', registry_key(RQ_SCHEDULED, queue), time, id)
  reindex(id)
end
