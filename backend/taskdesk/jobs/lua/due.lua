-- Queue scheduled jobs at their time.
--- @include slots

local SCHEDULER_SECONDS = 4 -- after which another process takes over a scheduler's lock
local MAX_DUE = 200 -- jobs that one call queues
local WRITE_SECONDS = 60 -- RQ writes the entry of a scheduled job before the job

-- Queue the scheduled jobs of a queue that are due. Return true if there is more.
local function queue_what_is_due(queue, clock, now_text)
  local registry = registry_key(RQ_SCHEDULED, queue)
  local due = redis.call('ZRANGEBYSCORE', registry, '-inf', clock, 'WITHSCORES', 'LIMIT', 0, MAX_DUE)
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
  return #due == 2 * MAX_DUE
end

local function keys_of(queues, key_of)
  local keys = {}
  for n, queue in ipairs(queues) do keys[n] = key_of(queue) end
  return keys
end

-- Queue the scheduled jobs that are due, of the queues whose lock is free or held by `who`. Return true if there is such
-- a queue, and true if more is due. The locks are RQ's own, so a stock scheduler leaves these queues to us.
local function serve_scheduled(queues, who, clock, now_text)
  local locks = keys_of(queues, scheduler_lock_key)
  local owners = redis.call('MGET', unpack(locks))
  local registries = keys_of(queues, function(queue) return registry_key(RQ_SCHEDULED, queue) end)
  local is_any_scheduled = redis.call('EXISTS', unpack(registries)) > 0
  local serves, is_more_due = false, false
  for n, queue in ipairs(queues) do
    if not owners[n] or owners[n] == who then
      serves = true
      redis.call('SET', locks[n], who, 'EX', SCHEDULER_SECONDS)
      if is_any_scheduled and queue_what_is_due(queue, clock, now_text) then is_more_due = true end
    end
  end
  return serves, is_more_due
end
