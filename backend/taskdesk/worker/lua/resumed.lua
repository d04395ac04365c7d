-- Store where a running job goes on, for its page.
--- @include is_running
-- ARGV: 1 job, 2 execution, 3 the rows that are done and their number (JSON).
local id, execution, place = unpack(ARGV)

if is_running(id, execution) then redis.call('HSET', job_key(id), RESUMED, place) end
