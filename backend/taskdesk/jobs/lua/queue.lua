-- Take jobs off their queues. LREM reads the list up to the job, 10 ms for a million: so each job is overwritten at the
-- place that its rank in the index tells, and one LREM removes those at the end. The jobs must still be indexed.

local GONE = ''
local gaps, shifts = {}, {} -- by queue: jobs overwritten; how far jobs stand behind their rank if RQ's tools added some

local function take_off(id, queue)
  local list, rank = queue_key(queue), redis.call('ZRANK', index_key(queue, QUEUED), id) or 0
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
  for queue, count in pairs(gaps) do redis.call('LREM', queue_key(queue), count, GONE) end
end

-- Read status and queue of each job, and these fields; take those that are queued off their queues.
local function take_off_all(ids, ...)
  local jobs = {}
  for i, id in ipairs(ids) do
    local job = read_job(id, 'origin', ...)
    jobs[i] = job
    if job[1] == RQ_QUEUED or job[1] == RQ_CREATED then take_off(id, job[2] or '') end
  end
  close_gaps()
  return jobs
end

-- When a job ends, RQ reads its dependents and queues them in a transaction that watches their set. Removing a job from
-- the set makes RQ read again: else a job that was canceled or deleted meanwhile would be queued all the same.
local function leave_parents(id)
  for _, parent in ipairs(redis.call('SMEMBERS', dependencies_key(id))) do
    redis.call('SREM', dependents_key(parent), id)
  end
end
