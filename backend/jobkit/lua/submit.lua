-- Put jobs of one task on a queue. An id that is there already changes nothing: a request that was sent again after a
-- lost answer is harmless.
-- ARGV: 1 queue, 2 task, 3 tags (with spaces between), 4 key of the request that must not be done twice, empty for
--       none, 5 what to keep under it and 6 for how many seconds; 7 how many fields and values the jobs have in common
--       and 8 how many fields each has for itself; then the former, the names of the latter, and for each job its id
--       and its values.
-- Answer: what was kept under the key before, if there was something; then nothing is done.

local queue, task, tags, common_size, own = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7]), tonumber(ARGV[8])
if ARGV[4] ~= '' and not redis.call('SET', ARGV[4], ARGV[5], 'NX', 'EX', ARGV[6]) then
  return redis.call('GET', ARGV[4])
end

local fields = {unpack(ARGV, 9, 8 + common_size)} -- and after them, for each job, its own and its number
local first = common_size
for i = 1, own do fields[first + 2 * i - 1] = ARGV[8 + first + i] end
fields[first + 2 * own + 1] = 'td_seq'
local begin = 9 + common_size + own
local number = redis.call('INCRBY', SEQUENCE, (#ARGV - begin + 1) / (own + 1)) - (#ARGV - begin + 1) / (own + 1)
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
redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
redis.call('SADD', 'taskdesk:indexes', unpack(indexes))
indexes[#indexes + 1] = 'taskdesk:jobs'
indexes[#indexes + 1] = index_key(queue, 'queued')
for _, index in ipairs(indexes) do redis.call('ZADD', index, unpack(entries)) end
redis.call('RPUSH', 'rq:queue:' .. queue, unpack(ids))
