-- End an execution other than by success (see endings.lua).
-- ARGV: 1 worker, 2 now, 3 how, 4 job and 5 execution, 6 error (JSON), 7 traceback (base64 of zlib), 8 began,
--       9 ended (Unix), 10 seconds it took; of a job that is handed back: 11 what it calls ("-" if nobody can tell),
--       12 the worker's version of that, empty if it has none, 13 the other versions that are online (with spaces
--       between), 14 why it is handed back, 15 after how many seconds it fails, and then 16 error and 17 traceback.
--       No job: all that the worker's record names. No job but an execution: what is reserved ahead of it, while it is
--       what the record says that the worker runs.
-- Answer: {the job's new status, job, 1 if other jobs have to hear of it, id of its request, how often it was handed
-- back}; {} if there was nothing to end.

local worker = 'rq:worker:' .. ARGV[1]
local id, execution = ARGV[4], ARGV[5]
local answer = {}
local foreign = ARGV[11] and {reference = ARGV[11], version = ARGV[12], others = ARGV[13], reason = ARGV[14],
  ttl = tonumber(ARGV[15]), error = ARGV[16], traceback = ARGV[17]}

local function end_one(id, execution)
  local status, times = release({
    worker = ARGV[1], now_text = ARGV[2], how = ARGV[3], id = id, execution = execution, error = ARGV[6],
    traceback = ARGV[7], foreign = foreign, began = ARGV[8], ended = ARGV[9], seconds = ARGV[10] ~= '' and ARGV[10] or nil,
  })
  if status then
    answer = {status, id, redis.call('SISMEMBER', PARENTS, id),
      redis.call('HGET', 'rq:job:' .. id, 'td_request') or '', times or 0}
  end
end

if id ~= '' then
  end_one(id, execution)
else
  local record = redis.call('HMGET', worker, 'current_job', 'td_execution', 'td_next')
  if record[3] and (execution == '' or execution == record[2]) then
    end_one(string.match(record[3], '^(.*):([^:]*)$'))
  end
  if execution == '' and record[1] and record[2] then end_one(record[1], record[2]) end
end
return answer
