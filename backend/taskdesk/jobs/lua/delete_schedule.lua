-- Delete a schedule. Its jobs stay.
--- @include even_when_full
-- ARGV: 1 schedule. Answer: 1 if there was one.
local schedule = ARGV[1]

redis.call('ZREM', SCHEDULES, schedule)
redis.call('ZREM', TROUBLED_SCHEDULES, schedule)
return redis.call('DEL', schedule_key(schedule), schedule_slots_key(schedule)) > 0 and 1 or 0
