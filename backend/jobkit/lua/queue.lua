-- Taking jobs off their queues. One LREM looks through the whole list: for many jobs it is written anew, once.

local FEW = 10
local CHUNK = 5000 -- what `unpack` and Redis's stack take at once

local function write_anew(key, gone)
  local ids = redis.call('LRANGE', key, 0, -1)
  redis.call('DEL', key)
  local kept = {}
  for i, id in ipairs(ids) do
    if not gone[id] then kept[#kept + 1] = id end
    if #kept == CHUNK or i == #ids and #kept > 0 then
      redis.call('RPUSH', key, unpack(kept))
      kept = {}
    end
  end
end

-- `queued`: a table of queue to a list of ids.
local function take_off(queued)
  for queue, ids in pairs(queued) do
    local key, gone = 'rq:queue:' .. queue, {}
    for _, id in ipairs(ids) do
      if #ids <= FEW then redis.call('LREM', key, 0, id) else gone[id] = true end
    end
    if #ids > FEW then write_anew(key, gone) end
  end
end
