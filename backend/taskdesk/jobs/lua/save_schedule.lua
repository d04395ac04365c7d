-- Create a schedule or change it, unless somebody else has changed it meanwhile.
-- ARGV: 1 schedule, 2 the revision that the caller has read, empty for a new one; 3 when it is due (Unix; "inf": never);
--       4 how many schedules there may be with a new one; 5… fields and values.
-- Answer: 1, or 0 if its revision is another; -1 if it is new, and one too many.
local schedule, revision, due, most, values = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), {unpack(ARGV, 5)}

local key = schedule_key(schedule)
if (redis.call('HGET', key, 'revision') or '') ~= revision then return 0 end
if revision == '' and redis.call('ZCARD', SCHEDULES) >= most then return -1 end
redis.call('HSET', key, 'revision', (tonumber(revision) or 0) + 1, 'next', due, 'held', '', unpack(values))
redis.call('ZADD', SCHEDULES, due, schedule)
redis.call('ZREM', TROUBLED_SCHEDULES, schedule)
return 1
