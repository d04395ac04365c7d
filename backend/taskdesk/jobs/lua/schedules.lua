-- The schedules that are due.

local MAX_DUE_SCHEDULES = 100 -- that one call names
local HANDLE_SECONDS = 5 -- after which another process takes over: the one that handled them may have died

-- Return the ids of schedules that are due; none while another process handles them. The lock only saves work: whoever
-- fires a slot compares what the schedule has settled.
local function due_schedules(who, clock)
  local due = redis.call('ZRANGEBYSCORE', SCHEDULES, '-inf', clock, 'LIMIT', 0, MAX_DUE_SCHEDULES)
  if #due == 0 then return due end
  local holder = redis.call('GET', SCHEDULES_LOCK)
  if holder and holder ~= who then return {} end
  redis.call('SET', SCHEDULES_LOCK, who, 'EX', HANDLE_SECONDS)
  return due
end
