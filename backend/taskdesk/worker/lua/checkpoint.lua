-- Store the checkpoint of a running job; without one, remove that of a job that has succeeded.
--- @include is_running
-- ARGV: 1 job, 2 execution, 3 number of the checkpoint, which grows within an execution, 4 checkpoint (JSON).
-- Answer: 1 if it is stored now.
local id, execution, number, checkpoint = unpack(ARGV)

local key = job_key(id)
if not checkpoint then
  if redis.call('HGET', key, 'status') == RQ_FINISHED then redis.call('HDEL', key, CHECKPOINT) end
  return 0
end
if not is_running(id, execution) then return 0 end
-- Child and supervisor may both send, and the older one may come later.
local job = redis.call('HMGET', key, CHECKPOINT, 'repeats_left')
local its_execution, its_number, its_checkpoint = string.match(job[1] or '', '^(%S+) (%d+) %S* (.*)$')
if its_execution ~= execution or tonumber(its_number) <= tonumber(number) then
  local stored = table.concat({execution, number, job[2] or '', checkpoint}, ' ')
  redis.call('HSET', key, CHECKPOINT, stored) -- first: a full Redis refuses it
  if its_checkpoint ~= checkpoint then redis.call('HDEL', key, LOSSES) end -- the job gets on, so it is not poison
end
return 1
