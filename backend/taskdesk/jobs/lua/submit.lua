-- Put jobs of one task on a queue, or keep them until they are due. An id that exists already changes nothing, so a
-- request that was sent again after a lost answer is harmless.
--- @include create
-- ARGV: 1 queue, 2 task, 3 tags (with spaces between), 4 owner or empty; 5 the key under which a request is done once or
--       empty, 6 what to keep under it, 7 for how many seconds; 8 when the jobs are due (Unix), empty for now; 9 how many
--       jobs may wait in the queue, empty for any number; 10 the share of Redis's memory that jobs may fill; 11 how many
--       fields and values the jobs have in common, 12 how many fields each has for itself, 13 1 if the jobs have a
--       webhook; then the common fields and values, the names of the own fields, and for each job its id and its values.
-- Answer: nothing; what an earlier request has kept under the key; or why there is no room: {"queue", jobs that wait},
--       {"memory", bytes used, bytes that Redis may use} or {"owner", bytes of the owner's jobs, bytes that they may
--       take}. In the last two cases nothing is done.
local arguments = ARGV

return create(arguments)
