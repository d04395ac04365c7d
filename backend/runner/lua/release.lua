-- End an execution other than by success (see common.lua).
-- ARGV: 1 worker, 2 now, 3 how, 4 job and 5 execution (empty: what the worker's record names), 6 error (JSON),
--       7 traceback (base64 of zlib), 8 began, 9 ended (Unix), 10 seconds it took.
-- Answer: {the job's new status, job, 1 if other jobs wait for it}; {} if there was nothing to end.

local worker = 'rq:worker:' .. ARGV[1]
local id, execution = ARGV[4], ARGV[5]
if id == '' then
  local held = redis.call('HMGET', worker, 'current_job', 'td_execution')
  if not held[1] or not held[2] then return {} end
  id, execution = held[1], held[2]
end
local status = release({
  worker = ARGV[1], now_text = ARGV[2], how = ARGV[3], id = id, execution = execution, error = ARGV[6],
  traceback = ARGV[7], began = ARGV[8], ended = ARGV[9], seconds = ARGV[10] ~= '' and ARGV[10] or nil,
})
if not status then return {} end
return {status, id, redis.call('EXISTS', 'rq:job:' .. id .. ':dependents')}
