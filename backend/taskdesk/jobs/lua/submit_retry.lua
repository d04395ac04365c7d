-- Submit a job that repeats another one.
--- @include retry_of
-- ARGV and answer: as submit.lua.
local arguments = ARGV

return submit_retry(arguments)
