-- Note the end of a job that has a webhook, in the step that ends the job. A deliverer makes a delivery of it. cycle.lua
-- has a copy of this: to make a function takes Redis time at each call.

-- `status`: RQ's. `webhook`: the job's field, if it has one.
local function note_end(id, status, ended_at, webhook)
  if not webhook then return end
  redis.call('SREM', WEBHOOK_JOBS, id)
  redis.call('RPUSH', ENDED, status .. ' ' .. ended_at .. ' ' .. webhook .. ' ' .. id)
end
