-- Create a schedule or change it, unless somebody else has changed it meanwhile.
-- ARGV: 1 schedule, 2 the revision that the caller has read, empty for a new one; 3 when it is due (Unix; "inf": never);
--       4… fields and values.
-- Answer: 1, or 0 if its revision is another.
local schedule, revision, due, values = ARGV[1], ARGV[2], ARGV[3], {unpack(ARGV, 4)}

local key = schedule_key(schedule)
if (redis.call('HGET', key, 'revision') or '') ~= revision then return 0 end
redis.call('HSET', key, 'revision', (tonumber(revision) or 0) + 1, 'next', due, 'held', '', unpack(values))
redis.call('ZADD', SCHEDULES, due, schedule)
redis.call('ZREM', TROUBLED_SCHEDULES, schedule)
return 1
