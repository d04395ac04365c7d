-- Put a handed-back job that this worker serves to the head of its queue, the one that waits longest, unless a more
-- urgent job waits. cycle.lua stands after this in the same script, and takes the job before anybody else can.
-- KEYS and ARGV: as of cycle.lua; and as the last of ARGV what the worker serves (JSON): a name of a task, or
-- "<name>@<version>", to 1.

local LOOK = 10 -- entries of one task; those that RQ's own tools have moved are removed

do
  local served = cjson.decode(table.remove(ARGV))

  local function adopt(queue, wanted)
    local foreign = foreign_key(queue)
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', foreign, '[' .. wanted .. ' ', '(' .. wanted .. '!', 'LIMIT', 0, LOOK)) do
      local id = string.match(entry, '^%S+ %S+ (.*)$')
      local job = redis.call('HMGET', 'rq:job:' .. id, 'status', 'td_foreign')
      local due = tonumber(redis.call('ZSCORE', 'rq:scheduled:' .. queue, id) or 0)
      if job[1] ~= 'scheduled' or not job[2] or foreign_entry(id, job[2]) ~= entry then
        redis.call('ZREM', foreign, entry)
      elseif due > now() then -- what is due may be in the hands of a stock scheduler, which would queue it a second time
        redis.call('ZREM', 'rq:scheduled:' .. queue, id)
        enqueue(id, queue, 'LPUSH', ARGV[2])
        return true
      end
    end
  end

  -- While Redis is full, cycle.lua reserves nothing either; it says why this has to be asked before the first write.
  local is_full = type(redis.pcall('SETRANGE', 'taskdesk:nothing', 0, '')) == 'table'
  if not is_full and redis.call('EXISTS', 'rq:suspended') == 0 then
    for _, key in ipairs(KEYS) do
      local queue = string.sub(key, 10)
      if redis.call('SISMEMBER', 'taskdesk:paused', queue) == 0 then
        local is_found = walk_wanted(queue, function(wanted) return served[wanted] and adopt(queue, wanted) end)
        if is_found or redis.call('LLEN', key) > 0 then break end
      end
    end
  end
end

