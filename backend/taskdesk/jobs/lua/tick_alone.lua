-- Queue the scheduled jobs that are due, and name the schedules that are: for a web while no worker does it.
--- @include time, due, schedules
-- ARGV: 1 the caller, 2 "1" if no worker handles schedules, 3 now (as RQ writes it), 4… queues.
-- Answer: {1 if more jobs are due; schedules that are due, for the caller to handle; Redis's time (Unix)}.
local who, handles_schedules, now_text, queues = ARGV[1], ARGV[2], ARGV[3], {unpack(ARGV, 4)}

local clock = now()
local _, is_more_due = serve_scheduled(queues, who, clock, now_text)
return {is_more_due and 1 or 0, handles_schedules == '1' and due_schedules(who, clock) or {}, tostring(clock)}
