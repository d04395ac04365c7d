-- Count the jobs that wait for a slot of RQ's limits, by queue.
--- @include job
-- ARGV: queues. Answer: the number for each.
local queues = ARGV

local MAX_JOBS = 10000 -- that are looked at: about 10 ms

local counts, looked_at = {}, 0
for _, queue in ipairs(queues) do counts[queue] = 0 end
for _, limit in ipairs(redis.call('SMEMBERS', RATE_LIMITS)) do
  -- An error is no list: two of RQ's limits, "k" and "k:rate_limited", share a key.
  for _, id in ipairs(redis.pcall('ZRANGE', slot_waiters_key(limit), 0, MAX_JOBS - looked_at - 1)) do
    local queue = fields_of(id, 'origin')[1]
    if queue and counts[queue] then counts[queue] = counts[queue] + 1 end
    looked_at = looked_at + 1
  end
  if looked_at >= MAX_JOBS then break end
end

local answer = {}
for n, queue in ipairs(queues) do answer[n] = counts[queue] end
return answer
