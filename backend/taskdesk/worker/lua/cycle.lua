-- End jobs with success, and reserve the next: the one round trip of a worker's cycle. Sent again after a lost answer, it
-- changes nothing and gives the same answer. A call of Redis costs 3 µs here: there is none to spare.
--- @include is_full, execution, succeed
-- KEYS: the queues to reserve from, the most urgent first; none when the worker is about to stop.
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 execution for the next job, 4 seconds until rq:wip forgets it, 5 how many
--       jobs to reserve at most; of the prefetched jobs that begin now, 6 id and 7 execution of the first, empty if there
--       is none, 8 the others ("<job>:<execution>" with spaces between): then the next jobs are prefetched, else one is
--       reserved, to begin at once; then the values of each success (succeed.lua).
-- Answer: {a Previous for each success, Next (worker/answers.py), …}. After NEXT_JOB follow the jobs, each with its id,
--       execution, queue and fields; after NEXT_PAUSED, the queues that are paused. worker/child/reservation.py decodes it.
local worker_name, now_text, next_execution, lease, wanted, begins, begins_execution, begin_later = unpack(ARGV, 1, 8)
local arguments = ARGV

local FIRST_SUCCESS = 9
local MAX_POPS = 500 -- ids without a job that one call passes over

local worker = WORKER_KEY .. worker_name
local clock = tonumber(redis.call('TIME')[1])
local previous, is_rq_needed = {}, false
wanted = tonumber(wanted)

-- The worker's record names a job that it runs, and the others that it holds: those that run after it, and those that
-- are prefetched.
local record = redis.call('HMGET', worker, 'current_job', EXECUTION, PREFETCHED, SHOWN, 'birth', 'death')
local current_job, current_execution, prefetched, shown = record[1], record[2], record[3], record[4]
if not record[5] then -- another worker took this one for lost: what it is given now must be found if it dies at once
  redis.call('HSET', worker, 'state', 'idle')
  redis.call('EXPIRE', worker, RECORD_TTL_SECONDS)
  redis.call('ZADD', WORKERS, clock, worker_name)
end

local known = {} -- the executions of jobs that have ended, or begin now
for place = FIRST_SUCCESS, #arguments, SUCCESS_VALUES do
  local answer = succeed(arguments, place, worker_name, clock, shown)
  previous[#previous + 1] = answer
  known[arguments[place + 1]] = true
  is_rq_needed = is_rq_needed or answer == PREVIOUS_NEEDS_RQ
end

local function load(key)
  local fields = redis.pcall('HMGET', key, 'data', 'timeout', 'result_ttl', 'status', 'repeats_left', 'dependency_ids',
    'started_at', 'origin', 'ttl', 'enqueued_at', REQUEST, 'rate_limit_key')
  if fields[1] and string.byte(fields[1]) == 120 then -- packed by zlib, as RQ's own code does: it may have callbacks
    for _, value in ipairs(redis.call('HMGET', key, 'success_callback_name', 'success_callback_timeout',
      'failure_callback_name', 'failure_callback_timeout')) do fields[#fields + 1] = value end
  end
  return fields
end

-- Jobs that the child has to end itself stay in the journal: it may do so only after a long job.
if prefetched and #previous > 0 then redis.call('DEL', JOURNAL_KEY .. worker_name) end
for n, answer in ipairs(is_rq_needed and previous or {}) do
  local place = FIRST_SUCCESS + (n - 1) * SUCCESS_VALUES
  if answer == PREVIOUS_NEEDS_RQ then write_journal(worker_name, {unpack(arguments, place, place + SUCCESS_VALUES - 1)}) end
end

-- Return the jobs that this worker holds and did not begin: their answer was lost, the child died with them, or they
-- were prefetched. Those over the wanted number are returned as text.
local function held()
  local jobs, others = {}, ''
  local function look(id, execution)
    if not id or not execution or known[execution] then return end
    known[execution] = true
    local queue = queue_of(id)
    if not redis.call('ZSCORE', WIP_KEY .. queue, id .. ':' .. execution)
      or redis.call('HGET', JOB_KEY .. id, 'status') ~= RQ_STARTED then return end
    if #jobs < wanted then
      jobs[#jobs + 1] = {id, execution, queue, load(JOB_KEY .. id)}
    else
      others = others .. ' ' .. id .. ':' .. execution
    end
  end
  look(current_job, current_execution)
  for entry in string.gmatch(prefetched or '', '%S+') do look(string.match(entry, JOB_AND_EXECUTION)) end
  return jobs, others
end

if begins ~= '' then known[begins_execution] = true end
for entry in string.gmatch(begin_later, '%S+') do known[string.match(entry, '[^:]*$')] = true end
if is_rq_needed then wanted = 0 end -- the child has to end that job first
local again, others = held()

-- Note in the worker's record what it holds besides the job that it runs.
local function hold(entries)
  if entries ~= '' then
    redis.call('HSET', worker, PREFETCHED, entries)
  elseif prefetched then
    redis.call('HDEL', worker, PREFETCHED)
  end
end

local function publish_news()
  if #news > 0 then redis.call('PUBLISH', WAKE, table.concat(news, ' ')) end
end

local function deliver(jobs)
  if begins ~= '' then
    local entries = begin_later
    for _, job in ipairs(jobs) do entries = entries .. ' ' .. job[1] .. ':' .. job[2] end
    redis.call('HSET', worker, 'current_job', begins, EXECUTION, begins_execution, PREFETCHED, entries .. others)
  else
    redis.call('HSET', worker, 'current_job', jobs[1][1], EXECUTION, jobs[1][2], 'state', 'busy')
    hold(others)
  end
  publish_news()
  return {previous, NEXT_JOB, jobs}
end

local function stay(following, queues)
  hold(begin_later .. others)
  if begins ~= '' then
    redis.call('HSET', worker, 'current_job', begins, EXECUTION, begins_execution, 'state', 'busy')
  elseif not is_rq_needed then
    if current_execution then forget(worker, current_execution) end
    redis.call('HSET', worker, 'state', following == NEXT_SUSPENDED and following or 'idle')
  end
  publish_news()
  return {previous, following, queues}
end

if again[1] then return deliver(again) end

-- A job that has run is ended although Redis is full, but none begins: its result would be more than Redis may have.
-- Nor after the worker has left: this call is of a child that was killed, and was late on its way here.
if is_rq_needed or #KEYS == 0 or is_full or record[6] then return stay(NEXT_NONE) end
local paused = {}
if redis.call('EXISTS', RQ_SUSPENDED, PAUSED) > 0 then
  if redis.call('EXISTS', RQ_SUSPENDED) == 1 then return stay(NEXT_SUSPENDED) end
  for _, queue in ipairs(redis.call('SMEMBERS', PAUSED)) do paused[QUEUE_KEY .. queue] = true end
end

-- Reserve a job that was taken from the head of a queue. Return nil if it can't run.
local function reserve(id, taken_from, execution)
  local key = JOB_KEY .. id
  local fields = load(key)
  local status, started_at = fields[4], fields[7]
  if status ~= RQ_QUEUED and status ~= RQ_CREATED and status ~= RQ_DEFERRED and status ~= RQ_SCHEDULED
    and (status or fields.err or redis.call('EXISTS', key) == 0) then
    redis.call('ZREM', index_key(string.sub(taken_from, #QUEUE_KEY + 1), QUEUED), id)
    return
  end
  local queue = fields[8]
  if not queue then
    queue = string.sub(taken_from, #QUEUE_KEY + 1)
    redis.call('HSET', key, 'origin', queue)
  end
  if started_at then -- of an attempt before; RQ's own tools leave it empty
    local cause = redis.call('HGET', key, CAUSE)
    if cause then redis.call('ZREM', CAUSE_JOBS_KEY .. cause, id) end
    redis.call('HDEL', key, ERROR, CAUSE, RETRIED_AS, PROGRESS, RESULT_KINDS, RESULT_STAMP, RESULT_PREVIEW, STOP, KEPT)
    redis.call('PERSIST', key)
  elseif fields[9] then
    redis.call('PERSIST', key)
  end
  redis.call('HSET', key, 'status', RQ_STARTED, 'started_at', now_text, 'last_heartbeat', now_text,
    'worker_name', worker_name)
  redis.call('ZADD', WIP_KEY .. queue, clock + lease, id .. ':' .. execution)
  redis.call('ZREM', index_key(queue, QUEUED), id)
  if fields[12] then -- a job of one of RQ's limits keeps its slot while it has an execution, whatever RQ's tools do
    local record = EXECUTION_KEY .. id .. ':' .. execution
    redis.call('HSET', record, 'id', execution, 'job_id', id, 'created_at', clock, 'last_heartbeat', clock,
      'worker_name', worker_name, 'rate_limit_key', fields[12])
    redis.call('EXPIRE', record, lease)
    redis.call('ZADD', EXECUTIONS_KEY .. id, clock + lease, execution)
    redis.call('EXPIRE', EXECUTIONS_KEY .. id, lease)
  end
  news[#news + 1] = id
  return {id, execution, queue, fields}
end

local jobs, pops = {}, 0
for i = 1, #KEYS do
  while #jobs < wanted and not paused[KEYS[i]] do
    local id = redis.call('LPOP', KEYS[i])
    if not id then break end
    local job = reserve(id, KEYS[i], #jobs == 0 and next_execution or next_execution .. '-' .. #jobs)
    if job then
      jobs[#jobs + 1] = job
    else
      pops = pops + 1
      if pops >= MAX_POPS then return jobs[1] and deliver(jobs) or stay(NEXT_AGAIN) end
    end
  end
end
if jobs[1] then return deliver(jobs) end
if next(paused) then return stay(NEXT_PAUSED, redis.call('SMEMBERS', PAUSED)) end
return stay(NEXT_NONE)
