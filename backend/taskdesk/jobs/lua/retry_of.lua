-- Submit a job that repeats another one, which is dealt with by that: it stores the new job, and leaves its cause.
--- @include create

-- `arguments`: those of submit.lua. `is_first`: refuse if a job repeats that one already.
-- Return the answer of submit.lua, or {"retried", that one, the job that repeats it already}.
local function submit_retry(arguments, is_first)
  local common_size, own_size = tonumber(arguments[11]), tonumber(arguments[12])
  local repeated
  for n = 14, 13 + common_size, 2 do
    if arguments[n] == RETRY_OF then repeated = arguments[n + 1] end
  end
  local job = redis.pcall('HMGET', job_key(repeated), 'status', CAUSE, RETRIED_AS)
  if is_first and job[3] then return {'retried', repeated, job[3]} end
  local answer = create(arguments)
  if answer or not job[1] then return answer end
  redis.call('HSET', job_key(repeated), RETRIED_AS, arguments[14 + common_size + own_size])
  if job[2] then redis.call('ZREM', cause_jobs_key(job[2]), repeated) end
end
