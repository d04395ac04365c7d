-- Taking jobs off their queues. An LREM looks through the list, 10 ms for a million: so each job is overwritten where
-- its number says that it stands, and one LREM takes all of those away. Jobs must still be in the index.

local GONE = ''
local gaps, shifts = {}, {} -- by queue: jobs overwritten; how far jobs stand behind their rank, if RQ's tools put some in

local function take_off(id, queue)
  local list, rank = 'rq:queue:' .. queue, redis.call('ZRANK', index_key(queue, 'queued'), id) or 0
  local place = rank + (shifts[queue] or 0)
  if place < 0 or redis.call('LINDEX', list, place) ~= id then
    place = redis.call('LPOS', list, id)
    if not place then return end
    shifts[queue] = place - rank
  end
  redis.call('LSET', list, place, GONE)
  gaps[queue] = (gaps[queue] or 0) + 1
end

local function close_gaps()
  for queue, count in pairs(gaps) do redis.call('LREM', 'rq:queue:' .. queue, count, GONE) end
end

-- RQ reads the dependents of a job that ends, then queues them in a transaction that watches their set. A job that leaves
-- the set makes RQ read anew: else one that was canceled or deleted meanwhile would be queued all the same.
local function leave_parents(id)
  for _, parent in ipairs(redis.call('SMEMBERS', 'rq:job::' .. id .. ':dependencies')) do
    redis.call('SREM', 'rq:job:' .. parent .. ':dependents', id)
  end
end
