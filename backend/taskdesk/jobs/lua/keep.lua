-- Keep jobs that have ended for ever. ARGV: ids.
-- Answer: for each the status that RQ knows; only of one that has ended something was changed. Empty for none.

local REGISTRIES = {finished = 'finished', failed = 'failed', stopped = 'failed', canceled = 'canceled'}
local answer = {}

for _, id in ipairs(ARGV) do
  local key = 'rq:job:' .. id
  local job = redis.call('HMGET', key, 'status', 'origin')
  local registry = REGISTRIES[job[1] or '']
  if registry then
    redis.call('HSET', key, 'td_kept', '1')
    for _, its in ipairs({key, key .. ':dependents', 'rq:results:' .. id, 'taskdesk:log:' .. id}) do
      redis.call('PERSIST', its)
    end
    redis.call('ZADD', 'rq:' .. registry .. ':' .. job[2], 'XX', '+inf', id)
  end
  answer[#answer + 1] = job[1] or ''
end
return answer
