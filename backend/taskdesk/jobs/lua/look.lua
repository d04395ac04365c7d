-- Find the jobs of plain RQ programs that no index has, and move those that such programs have moved.
--
-- Nothing tells us of them, so this compares how many ids RQ's queues and registries hold with how many are indexed. At
-- rest that is all. More ids in a place: look at its end, where new ones usually stand; if they are not there, go through
-- the place once, a part at each call, and take for dead what is left (an id whose job has expired, say).
--- @include is_full, index
-- ARGV: 1 milliseconds during which nobody looks again, 2 the same if there is more to look through, 3… queues.
-- Answer: nothing if somebody has just looked; else {milliseconds until the next look, 0 while more new jobs are expected;
--       for each job that no index has its id, its time of creation, its description and the beginning of its data}.
--       jobs/intake.py decodes it.
local rest_ms, soon_ms, queues = tonumber(ARGV[1]), tonumber(ARGV[2]), {unpack(ARGV, 3)}

local PART = 1000 -- ids of a place that one call reads: 0.3 ms if all are known
local MAX_NEW = 1000 -- jobs of one answer
local EDGE = 20 -- ids at the ends of a queue that each call reads
local HEAD_BYTES = 1000 -- of the data: they name the function

if is_full or not redis.call('SET', INTAKE_LOCK, 1, 'NX', 'PX', rest_ms) then return end

local answer, seen, is_more = {rest_ms}, {}, false
local states = {} -- by the first key of a place

do
  local fields = redis.call('HGETALL', INTAKE)
  for n = 1, #fields, 2 do states[fields[n]] = fields[n + 1] end
end

-- Read a key that others may have damaged.
local function read(...)
  local value = redis.pcall(...)
  return type(value) == 'table' and value.err and {} or value
end

local function note(id)
  local job = redis.call('HMGET', job_key(id), 'created_at', 'description', 'data')
  for _, value in ipairs({id, job[1] or '', job[2] or '', job[3] or ''}) do
    answer[#answer + 1] = string.sub(value, 1, HEAD_BYTES)
  end
end

-- Return true if the job was in no index, or in a wrong one. `at_end`: it is at the end of its queue.
local function look_at(id, at_end)
  if seen[id] or #id > MAX_ID or not string.find(id, JOB_ID) then return false end
  seen[id] = true
  local job = read('HMGET', job_key(id), 'status', 'origin', NUMBER, FOREIGN)
  local status, queue, number, foreign = job[1], job[2], job[3], job[4]
  if not status or not queue then return false end
  if not number then
    note(id)
    return true
  end
  local now_in = status_in(status, foreign) or QUEUED
  local is_there = redis.call('ZSCORE', index_key(queue, now_in), id)
  if not is_there then reindex(id, at_end) end
  return not is_there and now_in ~= RUNNING
end

-- Look at those of these jobs that the index does not have; return how many were in no index, or in a wrong one.
local function look_at_all(ids, index, at_end)
  local found = 0
  if #ids == 0 then return found end
  local known = redis.call('ZMSCORE', index, unpack(ids))
  for n, id in ipairs(ids) do
    if not known[n] and look_at(id, at_end) then found = found + 1 end
  end
  return found
end

-- Jobs that our scripts have ended or moved while no index had them.
local function look_at_unlisted()
  local ids = redis.call('LPOP', UNLISTED, MAX_NEW) or {}
  for _, id in ipairs(ids) do look_at(id) end
  is_more = is_more or #ids == MAX_NEW
end

-- Jobs that are running, and those that were running at the last look.
local function look_at_running(queue)
  local index, field = index_key(queue, QUEUED), 'running ' .. queue
  local ids, is_running = {}, {}
  for n, member in ipairs(read('ZRANGE', registry_key(WIP, queue), 0, PART - 1)) do
    ids[n] = string.match(member, JOB_AND_EXECUTION) or member
    is_running[ids[n]] = true
  end
  look_at_all(ids, JOBS)
  local queued = #ids > 0 and redis.call('ZMSCORE', index, unpack(ids))
  for n, id in ipairs(ids) do
    if queued[n] then redis.call('ZREM', index, id) end
  end
  local before = states[field] or ''
  for id in string.gmatch(before, '[^\n]+') do
    if not is_running[id] then look_at(id) end
  end
  local now_running = table.concat(ids, '\n')
  if now_running ~= before then redis.call('HSET', INTAKE, field, now_running) end
end

-- Stock workers take jobs from the head of a queue.
local function move_what_was_taken(queue)
  local index = index_key(queue, QUEUED)
  for _ = 1, PART do
    local id = redis.call('ZRANGE', index, 0, 0)[1]
    local status = id and redis.pcall('HGET', job_key(id), 'status')
    if not id or (type(status) == 'string' and (STATUS_OF[status] or QUEUED) == QUEUED) then return end
    redis.call('ZREM', index, id)
    look_at(id)
  end
  is_more = true
end

local function total(command, keys)
  local sum = 0
  for _, key in ipairs(keys) do
    local size = redis.pcall(command, key)
    sum = sum + (type(size) == 'number' and size or 0)
  end
  return sum
end

-- Read the ids of a place from a number on: its keys follow each other.
local function part_of(place, from)
  for _, key in ipairs(place.keys) do
    local size = total(place.size, {key})
    if from < size then return read(place.range, key, from, from + PART - 1) end
    from = from - size
  end
  return {}
end

-- Look at the end of each key. Return how many jobs were found.
local function look_at_end(place, extra)
  local found = 0
  for n, key in ipairs(place.keys) do
    local from = math.max(total(place.size, {key}) - extra, 0)
    found = found + look_at_all(read(place.range, key, from, from + PART - 1), place.indexes[n] or JOBS, place.is_queue)
  end
  return found
end

-- `place`: keys and their indexes; the commands that read the size and a range. Without indexes, only growth is seen.
-- Return true if the place has no more ids than before.
local function look_through(place)
  local state = states[place.keys[1]]
  local dead, offset, left = string.match(state or '', '^(%S+) (%S+) (%S+)$')
  dead, offset, left = tonumber(dead) or 0, tonumber(offset) or -1, tonumber(left) or 0
  local size = total(place.size, place.keys)
  local extra = size - total('ZCARD', place.indexes) - dead
  if extra <= 0 then
    dead, offset = dead + extra, -1
  elseif offset < 0 then
    local found = look_at_end(place, extra)
    if #place.indexes == 0 then dead = dead + found end
    if found == 0 then offset, left = 0, extra end
    is_more = is_more or found < extra
  else
    local ids = part_of(place, offset)
    local found = look_at_all(ids, place.indexes[1] or JOBS, place.is_queue)
    if #place.indexes == 0 then dead = dead + found end
    offset, left = offset + #ids, left - found
    if #ids == 0 or offset >= size then dead, offset = dead + math.max(left, 0), -1 else is_more = true end
  end
  local now_state = dead .. ' ' .. offset .. ' ' .. left
  if now_state ~= (state or '0 -1 0') then redis.call('HSET', INTAKE, place.keys[1], now_state) end
  return extra <= 0
end

local function look_through_registries(queue, registries, statuses)
  local place = {size = 'ZCARD', range = 'ZRANGE', keys = {}, indexes = {}}
  for n, registry in ipairs(registries) do
    place.keys[n], place.indexes[n] = registry_key(registry, queue), index_key(queue, statuses[n])
  end
  look_through(place)
end

look_at_unlisted()
for _, queue in ipairs(queues) do
  local list, index = queue_key(queue), index_key(queue, QUEUED)
  look_at_running(queue)
  move_what_was_taken(queue)
  if look_through({size = 'LLEN', range = 'LRANGE', keys = {list}, indexes = {index}, is_queue = true}) then
    look_at_all(read('LRANGE', list, 0, EDGE - 1), index) -- as many may have been taken as were added
    look_at_all(read('LRANGE', list, -EDGE, -1), index, true)
  end
  look_through_registries(queue, {RQ_SCHEDULED, RQ_DEFERRED}, {SCHEDULED, WAITING})
  look_through_registries(queue, {RQ_FAILED, RQ_CANCELED}, {FAILED, CANCELED}) -- a stopped job is in RQ's failed ones
  look_through_registries(queue, {RQ_FINISHED}, {SUCCEEDED})
end
for _, limit in ipairs(redis.call('SMEMBERS', RATE_LIMITS)) do
  look_through({size = 'ZCARD', range = 'ZRANGE', keys = {slot_waiters_key(limit)}, indexes = {}})
end

if is_more then
  answer[1] = #answer > 1 and 0 or soon_ms
  redis.call('PEXPIRE', INTAKE_LOCK, answer[1]) -- 0 removes it
end
return answer
