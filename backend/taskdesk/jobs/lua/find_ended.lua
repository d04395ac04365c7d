-- Note the ends of jobs with a webhook whose worker did not: an earlier version of ours, a stock one, or RQ's own tools.
--- @include webhook, job
-- ARGV: ids out of WEBHOOK_JOBS. Answer: how many of these jobs have ended.
local ids = ARGV

local ended = 0
for _, id in ipairs(ids) do
  local job = read_job(id, WEBHOOK, 'ended_at')
  if not job[2] then
    redis.call('SREM', WEBHOOK_JOBS, id) -- it is gone, or unreadable
  elseif FINAL_REGISTRY[job[1]] then
    note_end(id, job[1], job[3] or '-', job[2])
    ended = ended + 1
  end
end
return ended
