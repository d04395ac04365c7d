-- End an execution other than by success (settle.lua).
--- @include even_when_full, settle
-- ARGV: 1 worker, 2 now (as RQ writes it), 3 how, 4 job, 5 execution, 6 error (JSON), 7 traceback (base64 of zlib),
--       8 began and 9 ended (Unix), 10 seconds; only for a job that is handed back: 11 what it calls (NAMELESS if its
--       data is unreadable), 12 the worker's version of that, empty if it has none, 13 the other versions that are online
--       (with spaces between), 14 why it is handed back, 15 after how many seconds it fails, with 16 error and 17
--       traceback;
--       only if the task has asked for another attempt: 11 that Retry (JSON: asked_retry.py), or the seconds until then.
--       No job: all that the worker's record names, and it reserves no more: it leaves. No job but an execution: what
--       is prefetched after it, while it is what the record says that the worker runs.
-- Answer: nothing if there was nothing to end; else {the job's new status, job, 1 if its dependents have to hear of it, id
--       of its request, how often it was handed back, the error that the job shows now (JSON, or empty)}.
--       worker/release.py decodes it.
local worker_name, now_text, how, job, job_execution, error, traceback, began, ended, seconds,
  reference, version, others, reason, foreign_ttl, foreign_error, foreign_traceback = unpack(ARGV)

local answer = {}
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

if job ~= '' then
  end_one(job, job_execution)
else
  local record = redis.call('HMGET', worker_key(worker_name), 'current_job', EXECUTION, PREFETCHED)
  local current_job, current_execution, prefetched = record[1], record[2], record[3]
  if prefetched and (job_execution == '' or job_execution == current_execution) then
    end_one(string.match(prefetched, JOB_AND_EXECUTION))
  end
  if job_execution == '' then
    if current_job and current_execution then end_one(current_job, current_execution) end
    redis.call('HSET', worker_key(worker_name), 'death', now_text)
    redis.call('EXPIRE', worker_key(worker_name), RECORD_TTL_SECONDS)
  end
end
return answer
