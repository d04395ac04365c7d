-- End an execution other than by success (settle.lua).
--- @include even_when_full, settle, held_jobs
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 how, 4 job, 5 execution, 6 error (JSON), 7 traceback (base64 of zlib),
--       8 began and 9 ended (Unix), 10 seconds; only for a job that is handed back: 11 what it calls (NAMELESS if its
--       data is unreadable), 12 the worker's version of that, empty if it has none, 13 the other versions that are online
--       (with spaces between), 14 why it is handed back, 15 after how many seconds it fails, with 16 error and 17
--       traceback;
--       only if the task has asked for another attempt: 11 that Retry (JSON: asked_retry.py), or the seconds until then.
--       No job: all that the worker's record names, and it reserves no more: it leaves. No job but an execution that
--       the record names: 11 which of the other jobs that it names, THOSE_BEFORE or THOSE_AFTER it.
-- Answer: nothing if there was nothing to end; else {the job's new status, job, 1 if its dependents have to hear of it, id
--       of its request, how often it was handed back, the error that the job shows now (JSON, or empty)}.
--       worker/release.py decodes it.
local worker_name, now_text, how, job, job_execution, error, traceback, began, ended, seconds,
  reference, version, others, reason, foreign_ttl, foreign_error, foreign_traceback = unpack(ARGV)

local answer = {}
local which = reference
local asked_retry = how == HOW_ASKED and cjson.decode(reference)
local retry_in = how == HOW_LATER and tonumber(reference) or nil
local foreign = how == HOW_HANDED_BACK and {reference = reference, version = version, others = others, reason = reason,
  ttl = tonumber(foreign_ttl), error = foreign_error, traceback = foreign_traceback}

local function end_one(id, execution)
  local status, times, stored_error = release({
    worker = worker_name, now_text = now_text, how = how, id = id, execution = execution, error = error,
    traceback = traceback, foreign = foreign, asked_retry = asked_retry, retry_in = retry_in,
    began = began, ended = ended, seconds = seconds ~= '' and seconds or nil,
  })
  if status then
    answer = {status, id, redis.call('SISMEMBER', PARENTS, id), redis.call('HGET', job_key(id), REQUEST) or '', times or 0,
      stored_error or ''}
  end
end

-- From now on the worker runs the job at this place, and holds none after it. One before it stays if it has not ended:
-- the child has not told of its end, or Redis did not hear of it.
local function keep_held(worker, held, place)
  local entries = {}
  for n = 1, place - 1 do
    local entry = held[n].id .. ':' .. held[n].execution
    if redis.call('ZSCORE', registry_key(WIP, queue_of(held[n].id)), entry) then entries[#entries + 1] = entry end
  end
  if not entries[1] then
    redis.call('HSET', worker, 'current_job', held[place].id, EXECUTION, held[place].execution)
    redis.call('HDEL', worker, PREFETCHED)
  else
    entries[#entries + 1] = held[place].id .. ':' .. held[place].execution
    redis.call('HSET', worker, PREFETCHED, table.concat(entries, ' '))
  end
end

if job ~= '' then
  end_one(job, job_execution)
else
  local worker = worker_key(worker_name)
  local record = redis.call('HMGET', worker, 'current_job', EXECUTION, PREFETCHED)
  local current_job, current_execution, prefetched = record[1], record[2], record[3]
  local held, current = held_jobs(prefetched), {id = current_job, execution = current_execution}
  if current_job and current_execution then table.insert(held, 1, current) end
  local place = 0 -- of that execution
  for n, other in ipairs(held) do
    if other.execution == job_execution then place = n end
  end
  if job_execution == '' then
    for n = #held, 1, -1 do end_one(held[n].id, held[n].execution) end -- the first is at the head of its queue then
    redis.call('HSET', worker, 'death', now_text)
    redis.call('EXPIRE', worker, RECORD_TTL_SECONDS)
  elseif place > 0 and which == THOSE_BEFORE then
    for n = 1, place - 1 do end_one(held[n].id, held[n].execution) end
  elseif place > 0 then
    for n = #held, place + 1, -1 do end_one(held[n].id, held[n].execution) end
    keep_held(worker, held, place)
  end
end
return answer
