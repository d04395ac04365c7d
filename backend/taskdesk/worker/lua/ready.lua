-- Queue jobs whose dependencies are met. RQ moves them to rq:ready:<queue> in the transaction that ends the last of these;
-- if the worker dies before it queues them, a tick does.
--- @include slots

local function enqueue_ready(id, queue, now_text)
  local job = fields_of(id, 'status', 'enqueue_at_front')
  if redis.call('ZREM', registry_key(READY, queue), id) == 1 and job[1] == RQ_READY_TO_ENQUEUE then
    enqueue_within_limit(id, queue, job[2] == '1' and 'LPUSH' or 'RPUSH', now_text)
    redis.call('PUBLISH', WAKE, id)
  end
end
