-- Put jobs of one task on a queue, or keep them until they are due. An id that is there already changes nothing: a
-- request that was sent again after a lost answer is harmless.
-- ARGV: 1 queue, 2 task, 3 tags (with spaces between), 4 owner, empty for none; 5 key of the request that must not be
--       done twice, empty for none, 6 what to keep under it and 7 for how many seconds; 8 when they are due (Unix), empty
--       for now; 9 how many jobs may wait in the queue, empty for any number; 10 the share of Redis's memory that jobs
--       may fill; 11 how many fields and values the jobs have in common and 12 how many fields each has for itself; then
--       the former, the names of the latter, and for each job its id and its values.
-- Answer: what was kept under the key before, if there was something; or why there is no room, {"queue", how many wait},
--       {"memory", bytes used, bytes that Redis may use} or {"owner", bytes that the owner's jobs take, bytes that they
--       may}. Then nothing is done.

local LOOK = 16000 -- bytes: so often the memory is looked at, which takes as long as to submit a job. A refusal counts
                   -- none, so while it is short each submit looks
local JOB_BYTES = 1000 -- that a job takes besides its own fields, about
local ROUNDED_UP = 1.1 -- jemalloc has four sizes between a power of two and the next, libc many more
-- An owner may fill this share of what all others leave: so however much one submits, some room is left for others, and
-- who is alone has most of it.
local OWNER_SHARE = 0.8

local queue, task, tags, owner, once = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local due, most, share = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local common_size, own = tonumber(ARGV[11]), tonumber(ARGV[12])
local begin = 13 + common_size + own
local count = (#ARGV - begin + 1) / (own + 1)
local number = tonumber(redis.call('GET', SEQUENCE) or 0)
local held = owner ~= '' and tonumber(redis.call('HGET', BYTES, owner) or 0) -- what the owner's jobs take
local size = 0
for i = begin, #ARGV do size = size + #ARGV[i] end
size = count * JOB_BYTES + math.floor(size * ROUNDED_UP)

local function shortage()
  local waiting = redis.call('LLEN', 'rq:queue:' .. queue) + redis.call('ZCARD', 'rq:scheduled:' .. queue)
  if most and waiting + count > most then return {'queue', waiting} end
  local before = held or number * JOB_BYTES
  if math.floor(before / LOOK) == math.floor((before + size) / LOOK) then return end
  local info = redis.pcall('INFO', 'memory') -- who has no right to it has no limit here
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
  local known = redis.call('GET', once)
  if known then return known end
end
local why = shortage()
if why and redis.call('EXISTS', 'rq:job:' .. ARGV[begin]) == 0 then return why end
if once ~= '' then redis.call('SET', once, ARGV[6], 'EX', ARGV[7]) end

local fields = {unpack(ARGV, 13, 12 + common_size)} -- and after them, for each job, its own and its number
local first = common_size
for i = 1, own do fields[first + 2 * i - 1] = ARGV[12 + first + i] end
fields[first + 2 * own + 1] = 'td_seq'
redis.call('INCRBY', SEQUENCE, count)
local ids, entries = {}, {}
for i = begin, #ARGV, own + 1 do
  local id = ARGV[i]
  local key = 'rq:job:' .. id
  number = number + 1
  if redis.call('EXISTS', key) == 0 then
    for j = 1, own do fields[first + 2 * j] = ARGV[i + j] end
    fields[first + 2 * own + 2] = number
    redis.call('HSET', key, unpack(fields))
    ids[#ids + 1] = id
    entries[#entries + 1] = number
    entries[#entries + 1] = id
  end
end
if #ids == 0 then return end

local indexes = {'taskdesk:task:' .. task}
for tag in string.gmatch(tags, '%S+') do indexes[#indexes + 1] = 'taskdesk:tag:' .. tag end
if held then
  indexes[#indexes + 1] = owner_key(owner)
  redis.call('HINCRBY', BYTES, owner, size)
end
redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
redis.call('SADD', NAMED, unpack(indexes))
indexes[#indexes + 1] = 'taskdesk:jobs'
indexes[#indexes + 1] = index_key(queue, due == '' and 'queued' or 'scheduled')
for _, index in ipairs(indexes) do redis.call('ZADD', index, unpack(entries)) end
if due == '' then
  redis.call('RPUSH', 'rq:queue:' .. queue, unpack(ids))
else
  for n = 1, #ids do entries[2 * n - 1] = due end
  redis.call('ZADD', 'rq:scheduled:' .. queue, unpack(entries))
end
