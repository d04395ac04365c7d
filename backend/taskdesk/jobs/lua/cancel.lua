-- Cancel jobs. A job that has not begun is taken off its queue or registry. For a running job, store the request in its
-- hash until its worker has read it, and send it to the worker as RQ's send_stop_job_command does, which is faster than
-- the worker's next heartbeat.
--- @include even_when_full, index, queue, lifetime, slots, webhook
-- ARGV: 1 now (as RQ writes it), 2 Unix time, 3 error (JSON), 4… ids.
-- Answer: for each job the status that RQ had; "started" for one that is being stopped, empty for an unknown one,
--       UNREADABLE for a key that holds no hash.
local now_text, canceled_at, error, ids = ARGV[1], ARGV[2], ARGV[3], {unpack(ARGV, 4)}

local answer, limits = {}, {}

local function stop(id)
  local key = job_key(id)
  redis.call('HSET', key, STOP, '1')
  local worker = redis.call('HGET', key, 'worker_name')
  redis.call('PUBLISH', commands_key(worker or ''), cjson.encode({command = 'stop-job', job_id = id}))
end

local function cancel(id, queue)
  local key = job_key(id)
  redis.call('ZREM', registry_key(RQ_SCHEDULED, queue), id)
  redis.call('ZREM', registry_key(RQ_DEFERRED, queue), id)
  redis.call('ZREM', registry_key(READY, queue), id)
  leave_parents(id)
  redis.call('HSET', key, 'status', RQ_CANCELED, 'ended_at', now_text, ERROR, error)
  redis.call('ZADD', registry_key(RQ_CANCELED, queue), canceled_at, id)
  local job = redis.call('HMGET', key, 'failure_ttl', 'rate_limit_key', WEBHOOK)
  expire_job(id, tonumber(job[1] or DEFAULT_FAILURE_TTL))
  reindex(id)
  note_end(id, RQ_CANCELED, now_text, job[3])
  limits[id] = job[2] or nil
  redis.call('PUBLISH', WAKE, id)
end

local jobs = take_off_all(ids)
for i, id in ipairs(ids) do
  local status, queue = jobs[i][1], jobs[i][2] or ''
  if status == RQ_STARTED then
    stop(id)
  elseif NOT_BEGUN[status] then
    cancel(id, queue)
  end
  answer[#answer + 1] = status or ''
end
for _, id in ipairs(ids) do free_slot(id, limits[id], now_text) end -- after all: none of these jobs gets a slot
return answer
