-- The counter of jobs. Each job that is submitted, or queued again, gets a number, and lists are sorted by it.

local MOST = 2 ^ 53 -- beyond, neighbors are the same number in Lua, and as a score

-- Return the last of `count` new numbers. A counter that is new, or that somebody has damaged, follows the newest job.
local function next_numbers(count)
  local last = redis.pcall('INCRBY', SEQUENCE, count)
  if type(last) == 'number' and last > count and last < MOST then return last end
  last = (tonumber(redis.call('ZREVRANGE', JOBS, 0, 0, 'WITHSCORES')[2]) or 0) + count
  redis.call('SET', SEQUENCE, last)
  return last
end
