-- Count the jobs of a queue that succeeded and failed in each minute of the last hour, for jobs/throughput.py.
--
-- A hash at ended_key: "<minute since 1970> <succeeded or failed>" to their number. A failure is counted as it happens.
-- To count each success here would cost Redis 5 % of the time that it has for a job: a worker adds up its successes and
-- tells them at each heartbeat.

local function count_ended(queue, outcome, number)
  local key, minute = ended_key(queue), math.floor(redis.call('TIME')[1] / 60)
  if redis.call('HINCRBY', key, minute .. ' ' .. outcome, number) > number then return end
  redis.call('EXPIRE', key, MINUTES_KEPT * 60) -- the first job of a minute removes the counts that are too old
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) <= minute - MINUTES_KEPT then redis.call('HDEL', key, field) end
  end
end
