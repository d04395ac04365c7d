-- Look at a schedule again at another time. With a slot, which can't be settled now, the schedule counts as late meanwhile.
--- @include even_when_full
-- ARGV: 1 schedule, 2 its revision, empty for any; 3 slot (Unix) or empty; 4 when to look again (Unix; "inf": never);
--       5 why, for people.
local schedule, revision, slot, again, why = unpack(ARGV, 1, 5)

local key = schedule_key(schedule)
local found = redis.pcall('HGET', key, 'revision') -- somebody may have damaged the key
if revision ~= '' and found ~= revision then return end
if revision ~= '' then redis.call('HSET', key, 'held', why) end
redis.call('ZADD', SCHEDULES, 'XX', again, schedule)
if slot ~= '' then
  redis.call('ZADD', TROUBLED_SCHEDULES, slot, schedule)
else
  redis.call('HSET', key, 'next', again)
end
