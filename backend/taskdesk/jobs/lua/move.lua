-- Move jobs that have not started to the end of another queue. A scheduled job keeps its time.
--- @include even_when_full, index, queue
-- ARGV: 1 the queue, 2 how many jobs may wait in it (empty: any number), 3… ids.
-- Answer: for each job the status that RQ had, empty for an unknown one, UNREADABLE for a key that holds no hash, FULL if
--       the queue has no room for it. Jobs that have started are left alone.
local to, most, ids = ARGV[1], tonumber(ARGV[2]), {unpack(ARGV, 3)}

local answer, chosen, is_on_list = {}, {}, {}
local waiting = redis.call('LLEN', queue_key(to)) + redis.call('ZCARD', registry_key(RQ_SCHEDULED, to))

for i, id in ipairs(ids) do
  local job = read_job(id, 'origin')
  local status, queue = job[1] or '', job[2] or ''
  answer[i] = status
  if NOT_BEGUN[status] and queue ~= to and is_on_list[id] == nil then
    if most and waiting >= most then
      answer[i] = FULL
    else
      waiting = waiting + 1
      chosen[#chosen + 1] = id
      is_on_list[id] = status == RQ_QUEUED or status == RQ_CREATED and redis.call('LPOS', queue_key(queue), id) ~= false
    end
  end
end

local function leave(id, queue, foreign)
  for _, status in ipairs(INDEXED) do redis.call('ZREM', index_key(queue, status), id) end
  if foreign then redis.call('ZREM', foreign_key(queue), foreign_entry(id, foreign)) end
  for _, registry in ipairs({RQ_SCHEDULED, RQ_DEFERRED, READY}) do
    local score = redis.call('ZSCORE', registry_key(registry, queue), id)
    if score then
      redis.call('ZREM', registry_key(registry, queue), id)
      redis.call('ZADD', registry_key(registry, to), score, id)
    end
  end
end

-- RQ may have read the queue of a job that waits for others: see leave_parents. The job stays in their sets.
local function wake_parents(id)
  for _, parent in ipairs(redis.call('SMEMBERS', dependencies_key(id))) do
    if redis.call('SREM', dependents_key(parent), id) == 1 then redis.call('SADD', dependents_key(parent), id) end
  end
end

for i, job in ipairs(take_off_all(chosen, FOREIGN)) do
  local id = chosen[i]
  leave(id, job[2] or '', job[3])
  redis.call('HSET', job_key(id), 'origin', to)
  redis.call('SADD', RQ_QUEUES, queue_key(to))
  if is_on_list[id] then redis.call('RPUSH', queue_key(to), id) end
  reindex(id, is_on_list[id])
  wake_parents(id)
  redis.call('PUBLISH', WAKE, id)
end
return answer
