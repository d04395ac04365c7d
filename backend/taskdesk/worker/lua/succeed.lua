-- End jobs with success. Sent again after a lost answer, this changes nothing and gives the same answers.
--- @include webhook
-- A success has SUCCESS_VALUES values: 1 id, 2 execution, 3 queue, 4 result (base64 of JSON), 5 seconds to keep it, 6 kinds of its parts,
-- 7 began, 8 ended (Unix), 9 ended (as RQ writes it); if the result is large, 10 its stamp, 11 its preview, else empty.
-- worker/child/successes.py writes them.
-- Append a success to the journal (journal.lua), as the worker's child does.
local function write_journal(worker_name, values)
  for n, value in ipairs(values) do values[n] = '$' .. #value .. '\r\n' .. value .. '\r\n' end
  redis.call('APPEND', JOURNAL_KEY .. worker_name, table.concat(values))
end

local news = {} -- ids of jobs that have changed

-- End the job whose values begin at this place. Return a Previous (worker/answers.py).
-- `shown`: the execution of this worker whose record was shown to RQ's tools.
local function succeed(values, place, worker_name, clock, shown)
  local id, execution, queue, result, ttl, kinds, began_at, ended_at, ended_text, stamp, preview =
    unpack(values, place, place + SUCCESS_VALUES - 1)
  local key = JOB_KEY .. id
  local job = redis.pcall('HMGET', key, 'status', NUMBER, STOP, WEBHOOK) -- somebody may have damaged the key
  if job[1] == RQ_STARTED and (job[3] or redis.call('EXISTS', key .. DEPENDENTS_SUFFIX) == 1) then
    return PREVIOUS_NEEDS_RQ
  end
  if shown == execution then
    redis.call('DEL', EXECUTION_KEY .. id .. ':' .. execution, EXECUTIONS_KEY .. id,
      WORKER_KEY .. worker_name .. WORKER_EXECUTIONS_SUFFIX)
  end
  local is_mine = redis.call('ZREM', WIP_KEY .. queue, id .. ':' .. execution) == 1
  if not is_mine or job[1] ~= RQ_STARTED then
    job = redis.pcall('HMGET', key, 'status', 'worker_name')
    return job[1] == RQ_FINISHED and job[2] == worker_name and PREVIOUS_ENDED or PREVIOUS_NOT_OURS
  end
  redis.call('HSET', key, 'status', RQ_FINISHED, 'ended_at', ended_text, 'last_heartbeat', ended_text, RESULT_KINDS, kinds)
  if stamp ~= '' then redis.call('HSET', key, RESULT_STAMP, stamp, RESULT_PREVIEW, preview) end
  local results = RESULTS_KEY .. id
  if result == '' then
    redis.call('XADD', results, 'MAXLEN', '~', MAX_RESULTS, '*', 'type', RESULT_SUCCESSFUL, 'worker_name', worker_name,
      'execution_id', execution, 'execution_started_at', began_at, 'execution_ended_at', ended_at)
  else
    redis.call('XADD', results, 'MAXLEN', '~', MAX_RESULTS, '*', 'type', RESULT_SUCCESSFUL, 'worker_name', worker_name,
      'return_value', result, 'execution_id', execution, 'execution_started_at', began_at, 'execution_ended_at', ended_at)
  end
  ttl = tonumber(ttl)
  if ttl > 0 then -- lifetime.lua without the keys of dependents and dependencies, which this job does not have
    redis.call('EXPIRE', results, ttl)
    redis.call('EXPIRE', key, ttl)
    redis.call('EXPIRE', LOG_KEY .. id, ttl)
    if ttl < EVENTS_TTL_SECONDS then redis.call('EXPIRE', EVENTS_KEY .. id, ttl) end
  else
    redis.call('PERSIST', LOG_KEY .. id)
  end
  redis.call('ZADD', FINISHED_KEY .. queue, ttl < 0 and '+inf' or clock + ttl, id)
  if job[2] then
    redis.call('ZADD', index_key(queue, SUCCEEDED), job[2], id)
  else
    redis.call('RPUSH', UNLISTED, id)
  end
  note_end(id, RQ_FINISHED, ended_text, job[4])
  news[#news + 1] = id
  return PREVIOUS_ENDED
end
