-- How many jobs of a queue have succeeded and failed in each minute of the last hour; jobs/throughput.py reads it.
--
-- taskdesk:ended:<queue>   hash: "<minute since 1970> <succeeded or failed>" to their number
--
-- A failure is counted as it happens. To count each success, too, would cost Redis 5 % of the time that it has for a
-- job: its worker tells of those since its last beat.

local HOUR = 3600

-- The first of a minute forgets the minutes that are over an hour old.
local function count_ended(queue, outcome, number)
  local key, minute = 'taskdesk:ended:' .. queue, math.floor(redis.call('TIME')[1] / 60)
  if redis.call('HINCRBY', key, minute .. ' ' .. outcome, number) > number then return end
  redis.call('EXPIRE', key, HOUR)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if tonumber(string.match(field, '^%d+')) <= minute - HOUR / 60 then redis.call('HDEL', key, field) end
  end
end
