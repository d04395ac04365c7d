-- Let a job that RQ's own code has ended expire, with all that belongs to it.
--- @include lifetime
-- ARGV: 1 id, 2 seconds to keep it; below 1 for ever.
local id, ttl = ARGV[1], tonumber(ARGV[2])

expire_job(id, ttl)
