-- Remove jobs and all that belongs to them but their files. A running job is left alone.
--- @include even_when_full, index, bytes, queue, lifetime, slots
-- ARGV: 1 now (as RQ writes it), 2… ids.
-- Answer: for each job the status that RQ had; "started" for a running one, empty for an unknown one.
local now_text, ids = ARGV[1], {unpack(ARGV, 2)}

local answer, limits = {}, {}

local function leave_indexes(id, queue, task, tags, owner, foreign, cause)
  for _, status in ipairs(INDEXED) do redis.call('ZREM', index_key(queue, status), id) end
  if cause then redis.call('ZREM', cause_jobs_key(cause), id) end
  if foreign then redis.call('ZREM', foreign_key(queue), foreign_entry(id, foreign)) end
  redis.call('ZREM', JOBS, id)
  redis.call('ZREM', task_key(task or ''), id)
  for tag in string.gmatch(tags or '', '%S+') do redis.call('ZREM', tag_key(tag), id) end
  if owner then
    redis.pcall('HINCRBY', BYTES, owner, -size_of(id)) -- a damaged sum is written anew by a sweep
    redis.call('ZREM', owner_key(owner), id)
  end
end

local function drop_deliveries(id)
  for _, delivery in ipairs(redis.call('LRANGE', ordered_key(id), 0, -1)) do
    redis.call('DEL', delivery_key(delivery))
    redis.call('ZREM', DELIVERIES, delivery)
  end
end

local jobs = take_off_all(ids, TASK, TAGS, OWNER, FOREIGN, CAUSE, 'rate_limit_key')
for i, id in ipairs(ids) do
  local job = jobs[i]
  local status, queue = job[1], job[2] or ''
  if status and status ~= RQ_STARTED then
    for _, registry in ipairs({RQ_FINISHED, RQ_FAILED, RQ_CANCELED, RQ_SCHEDULED, RQ_DEFERRED, READY}) do
      redis.call('ZREM', registry_key(registry, queue), id)
    end
    leave_parents(id)
    leave_indexes(id, queue, unpack(job, 3, 7))
    drop_deliveries(id)
    redis.call('DEL', events_key(id), ordered_key(id), unpack(lifelong_keys(id)))
    limits[id] = job[8] or nil
    if not job[8] then redis.call('DEL', executions_key(id)) end -- else it may run still, and then keeps its slot
    redis.call('PUBLISH', WAKE, id)
  end
  answer[#answer + 1] = status == UNREADABLE and RQ_CREATED or status or ''
end
for _, id in ipairs(ids) do free_slot(id, limits[id], now_text) end -- after all: none of these jobs gets a slot
return answer
