-- Count a job that RQ's own code has ended with success.
--- @include throughput
-- ARGV: 1 its queue.
local queue = ARGV[1]

count_ended(queue, SUCCEEDED, 1)
