-- Put a handed-back job that this worker serves to the head of its queue, the one that waits longest, unless a more
-- urgent job waits. cycle.lua, which follows in the same script (adopt_and_cycle.lua), takes it before any other worker can.
--- @include is_full, time, slots, wanted
-- KEYS and ARGV: as of cycle.lua, and after them what the worker serves (JSON): names of tasks, or "<name>@<version>".
local served, adopt_time = cjson.decode(table.remove(ARGV)), ARGV[2]

local ADOPT_ENTRIES = 10 -- of one task that are read; those that RQ's own tools have moved are removed

local function adopt(queue, wanted)
  local foreign, registry = foreign_key(queue), registry_key(RQ_SCHEDULED, queue)
  local from, to = '[' .. wanted .. ' ', '(' .. wanted .. '!'
  for _, entry in ipairs(redis.call('ZRANGEBYLEX', foreign, from, to, 'LIMIT', 0, ADOPT_ENTRIES)) do
    local id = string.match(entry, '^%S+ %S+ (.*)$')
    local job = fields_of(id, 'status', FOREIGN)
    local due = tonumber(redis.call('ZSCORE', registry, id) or 0)
    if job[1] ~= RQ_SCHEDULED or not job[2] or foreign_entry(id, job[2]) ~= entry then
      redis.call('ZREM', foreign, entry)
    elseif due > now() then -- a stock scheduler may hold a job that is due, and would queue it a second time
      redis.call('ZREM', registry, id)
      return enqueue_within_limit(id, queue, 'LPUSH', adopt_time)
    end
  end
end

-- While Redis is full, cycle.lua reserves nothing either.
if not is_full and redis.call('EXISTS', RQ_SUSPENDED) == 0 then
  for _, key in ipairs(KEYS) do
    local queue = string.sub(key, #QUEUE_KEY + 1)
    if redis.call('SISMEMBER', PAUSED, queue) == 0 then
      local is_found = walk_wanted(queue, function(wanted) return served[wanted] and adopt(queue, wanted) end)
      if is_found or redis.call('LLEN', key) > 0 then break end
    end
  end
end
