-- Submit a job that repeats another one, unless a job does already: an action on many jobs retries each once, also if two
-- users start it at the same time.
--- @include retry_of
-- ARGV: as submit.lua. Answer: as submit.lua, or {"retried", the other job, the job that repeats it already}.
local arguments = ARGV

return submit_retry(arguments, true)
