-- Free the slot of a job's limit, unless the job is queued or running.
--- @include slots
-- ARGV: 1 job, 2 limit, 3 now (as RQ writes it).
local id, limit, now_text = unpack(ARGV)

free_slot(id, limit, now_text)
