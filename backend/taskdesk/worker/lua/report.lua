-- End the jobs that have succeeded and that the child of a worker can't end: it has died, or it runs a long job.
--- @include even_when_full, journal
-- ARGV: 1 worker. Answer: the values (succeed.lua) of the jobs that RQ's own code has to end.
local worker_name = ARGV[1]

local _, left = end_journal(worker_name, tonumber(redis.call('TIME')[1]))
if #news > 0 then redis.call('PUBLISH', WAKE, table.concat(news, ' ')) end
return left
