-- Index jobs that RQ's own tools have moved.
--- @include index
-- ARGV: for each job a queue under which it stands at the wrong place, and its id.
local moved = ARGV

for i = 1, #moved, 2 do
  local queue, id = moved[i], moved[i + 1]
  for _, status in ipairs(INDEXED) do redis.call('ZREM', index_key(queue, status), id) end
  reindex(id)
end
