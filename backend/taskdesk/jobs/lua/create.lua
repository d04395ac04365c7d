-- Create jobs of one task: put them on a queue, or keep them until they are due. An id that exists already changes
-- nothing. submit.lua describes the arguments and the answer.
--- @include sequence

local CHECK_BYTES = 16000 -- of jobs, after which the memory is checked again: that takes as long as to submit a job.
                          -- A refused submit counts none, so while memory is short each submit checks
local JOB_BYTES = 1000 -- that a job takes besides its own fields, about
local ROUNDED_UP = 1.1 -- jemalloc has four sizes between a power of two and the next, libc many more
-- An owner may fill this share of what all others leave. So some room is left for the others, however much one submits,
-- and an owner who is alone has most of it.
local OWNER_SHARE = 0.8

local function create(arguments)
  local queue, task, tags, owner, once, once_record, once_seconds, due, max_waiting, share, common_size, own_size,
    has_webhook = unpack(arguments, 1, 13)
  max_waiting, share, common_size, own_size = tonumber(max_waiting), tonumber(share), tonumber(common_size), tonumber(own_size)
  local begin = 14 + common_size + own_size
  local count = (#arguments - begin + 1) / (own_size + 1)
  local number = tonumber(redis.pcall('GET', SEQUENCE)) or 0 -- of the last job, about
  local held = owner ~= '' and tonumber(redis.call('HGET', BYTES, owner) or 0) -- bytes of the owner's jobs
  local size = 0
  for i = begin, #arguments do size = size + #arguments[i] end
  size = count * JOB_BYTES + math.floor(size * ROUNDED_UP)

  -- Return why there is no room for the jobs; nil if there is.
  local function shortage()
    local waiting = redis.call('LLEN', QUEUE_KEY .. queue) + redis.call('ZCARD', SCHEDULED_KEY .. queue)
    if max_waiting and waiting + count > max_waiting then return {'queue', waiting} end
    local before = held or number * JOB_BYTES
    if math.floor(before / CHECK_BYTES) == math.floor((before + size) / CHECK_BYTES) then return end
    local info = redis.pcall('INFO', 'memory') -- a Redis user without the right to it has no limit here
    local function bytes(name)
      local _, colon = string.find(type(info) == 'string' and info or '', name .. ':', 1, true)
      return colon and tonumber(string.match(info, '^%d+', colon + 1)) or 0
    end
    local used, all = bytes('used_memory') - bytes('mem_not_counted_for_evict'), bytes('maxmemory')
    if all == 0 then return end
    local free = all * share - used -- the jobs of this submit, which Redis holds to read them, are in it
    if free < 0 then return {'memory', used, all} end
    local may = held and (held + size + free) * OWNER_SHARE
    if held and held + size > may then return {'owner', held, may} end
  end

  if once ~= '' then
    local earlier = redis.call('GET', once)
    if earlier then return earlier end
  end
  local why = shortage()
  if why and redis.call('EXISTS', JOB_KEY .. arguments[begin]) == 0 then return why end
  if once ~= '' then redis.call('SET', once, once_record, 'EX', once_seconds) end

  local fields = {unpack(arguments, 14, 13 + common_size)} -- and after them, for each job, its own and its number
  for i = 1, own_size do fields[common_size + 2 * i - 1] = arguments[13 + common_size + i] end
  local last = common_size + 2 * own_size
  fields[last + 1] = NUMBER
  number = next_numbers(count) - count
  local ids, entries = {}, {}
  for i = begin, #arguments, own_size + 1 do
    local id = arguments[i]
    local key = JOB_KEY .. id
    number = number + 1
    if redis.call('EXISTS', key) == 0 then
      for j = 1, own_size do fields[common_size + 2 * j] = arguments[i + j] end
      fields[last + 2] = number
      redis.call('HSET', key, unpack(fields))
      ids[#ids + 1] = id
      entries[#entries + 1] = number
      entries[#entries + 1] = id
    end
  end
  if #ids == 0 then return end

  local indexes = {TASK_KEY .. task}
  for tag in string.gmatch(tags, '%S+') do indexes[#indexes + 1] = TAG_KEY .. tag end
  if held then
    indexes[#indexes + 1] = OWNER_KEY .. owner
    redis.call('HINCRBY', BYTES, owner, size)
  end
  redis.call('SADD', RQ_QUEUES, QUEUE_KEY .. queue)
  if has_webhook == '1' then redis.call('SADD', WEBHOOK_JOBS, unpack(ids)) end
  redis.call('SADD', INDEXES, unpack(indexes))
  indexes[#indexes + 1] = JOBS
  indexes[#indexes + 1] = index_key(queue, due == '' and QUEUED or SCHEDULED)
  for _, index in ipairs(indexes) do redis.call('ZADD', index, unpack(entries)) end
  if due == '' then
    redis.call('RPUSH', QUEUE_KEY .. queue, unpack(ids))
  else
    for n = 1, #ids do entries[2 * n - 1] = due end
    redis.call('ZADD', SCHEDULED_KEY .. queue, unpack(entries))
  end
end
