-- What somebody has to do now and then: queue the scheduled jobs that are due, and take the jobs of lost workers.
-- Every worker may call it; Redis runs one at a time, so there is no leader to fence.
-- ARGV: 1 worker, 2 now, 3 error (JSON) and 4 traceback for jobs of lost workers, 5… queues.
-- Answer: {1 if this worker schedules (then it should call every second), 2 if more is due than one call queues;
--       failed jobs whose dependents have to hear of it; jobs whose worker was lost, each with its request's id; what
--       the handed-back jobs of these queues want}.

local SCHEDULER_SECONDS = 4 -- after that another worker takes over a scheduler's lock
local LEASE, EVERY, GRACE = 30, 4, 15 -- seconds
local BATCH = 200

local me, now_text = ARGV[1], ARGV[2]
local clock = now()
local answer = {0, redis.call('SRANDMEMBER', PARENTS, BATCH), {}, {}}

local locks, registries, foreign = {}, {}, {} -- the locks are RQ's own: a stock scheduler beside us keeps off
for i = 5, #ARGV do
  locks[#locks + 1] = 'rq:scheduler-lock:' .. ARGV[i]
  registries[#registries + 1] = 'rq:scheduled:' .. ARGV[i]
  foreign[#foreign + 1] = foreign_key(ARGV[i])
end
local owners = redis.call('MGET', unpack(locks))
local is_any_scheduled = redis.call('EXISTS', unpack(registries)) > 0

local function queue_what_is_due(queue, registry)
  local due = redis.call('ZRANGEBYSCORE', registry, '-inf', clock, 'WITHSCORES', 'LIMIT', 0, BATCH)
  for n = 1, #due, 2 do
    local id, time = due[n], tonumber(due[n + 1])
    local key = 'rq:job:' .. id
    local job = redis.call('HMGET', key, 'status', 'enqueue_at_front', 'td_foreign')
    if job[1] == 'scheduled' then
      local front = job[2] == '1' and not job[3] -- at the head, its worker would do nothing but hand it back
      enqueue(id, queue, front and 'LPUSH' or 'RPUSH', now_text)
      redis.call('PUBLISH', WAKE, id)
      redis.call('ZREM', registry, id)
    elseif clock - time > 60 or redis.call('EXISTS', key) == 1 then -- RQ writes the entry before the job
      redis.call('ZREM', registry, id)
    end
  end
  return #due == 2 * BATCH
end

for n, lock in ipairs(locks) do
  if not owners[n] or owners[n] == me then
    answer[1] = math.max(answer[1], 1)
    redis.call('SET', lock, me, 'EX', SCHEDULER_SECONDS)
    if is_any_scheduled and queue_what_is_due(ARGV[n + 4], registries[n]) then answer[1] = 2 end
  end
end

if redis.call('EXISTS', unpack(foreign)) > 0 then
  for i = 5, #ARGV do
    walk_wanted(ARGV[i], function(wanted) answer[4][#answer[4] + 1] = wanted end)
  end
end

local last = tonumber(redis.call('GET', 'taskdesk:sweep:last') or 0)
if clock - last < EVERY and clock >= last then return answer end
redis.call('SET', 'taskdesk:sweep:last', clock)
if clock - last > GRACE or clock < last then
  -- Redis was away, or its clock was set: no worker could say that it lives. Let them first.
  redis.call('SET', 'taskdesk:sweep:grace', 1, 'EX', GRACE)
end
if redis.call('EXISTS', 'taskdesk:sweep:grace') == 1 then return answer end

local function lose(worker, how, id, execution)
  local status = release({worker = worker, now_text = now_text, how = how, id = id, execution = execution,
    error = ARGV[3], traceback = ARGV[4]})
  if status and how == 'lost' then
    table.insert(answer[3], {id, redis.call('HGET', 'rq:job:' .. id, 'td_request') or ''})
  end
end

for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'taskdesk:workers', '-inf', clock - LEASE, 'LIMIT', 0, 20)) do
  local key = 'rq:worker:' .. worker
  local held = redis.call('HMGET', key, 'current_job', 'td_execution', 'queues', 'td_next')
  if held[4] then lose(worker, 'put_back', string.match(held[4], '^(.*):([^:]*)$')) end
  if held[1] and held[2] then lose(worker, 'lost', held[1], held[2]) end
  redis.call('ZREM', 'taskdesk:workers', worker)
  redis.call('SREM', 'rq:workers', key)
  for queue in string.gmatch(held[3] or '', '[^,]+') do redis.call('SREM', 'rq:workers:' .. queue, key) end
  redis.call('DEL', key)
end
-- Whose worker left no record: of a stock worker, or of a time when Redis was away for long.
for i = 5, #ARGV do
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', 'rq:wip:' .. ARGV[i], '-inf', clock, 'LIMIT', 0, BATCH)) do
    local id, execution = string.match(member, '^(.*):([^:]*)$')
    if not id or redis.call('EXISTS', 'rq:job:' .. id) == 0 then
      redis.call('ZREM', 'rq:wip:' .. ARGV[i], member)
    else
      lose(redis.call('HGET', 'rq:job:' .. id, 'worker_name') or '', 'lost', id, execution)
    end
  end
end
return answer
