-- Queue jobs whose dependencies are met.
--- @include ready
-- ARGV: 1 now (as RQ writes it), 2 queue, 3… ids.
local now_text, queue, ids = ARGV[1], ARGV[2], {unpack(ARGV, 3)}

for _, id in ipairs(ids) do enqueue_ready(id, queue, now_text) end
