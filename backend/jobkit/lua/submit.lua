-- Put jobs of one task on a queue, or keep them until they are due. An id that is there already changes nothing: a
-- request that was sent again after a lost answer is harmless.
-- ARGV: 1 queue, 2 task, 3 tags (with spaces between), 4 key of the request that must not be done twice, empty for
--       none, 5 what to keep under it and 6 for how many seconds; 7 when they are due (Unix), empty for now; 8 how many
--       fields and values the jobs have in common and 9 how many fields each has for itself; then the former, the names
--       of the latter, and for each job its id and its values.
-- Answer: what was kept under the key before, if there was something; then nothing is done.

local queue, task, tags, due, common_size, own = ARGV[1], ARGV[2], ARGV[3], ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
if ARGV[4] ~= '' and not redis.call('SET', ARGV[4], ARGV[5], 'NX', 'EX', ARGV[6]) then
  return redis.call('GET', ARGV[4])
end

local fields = {unpack(ARGV, 10, 9 + common_size)} -- and after them, for each job, its own and its number
local first = common_size
for i = 1, own do fields[first + 2 * i - 1] = ARGV[9 + first + i] end
fields[first + 2 * own + 1] = 'td_seq'
local begin = 10 + common_size + own
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
indexes[#indexes + 1] = index_key(queue, due == '' and 'queued' or 'scheduled')
for _, index in ipairs(indexes) do redis.call('ZADD', index, unpack(entries)) end
if due == '' then
  redis.call('RPUSH', 'rq:queue:' .. queue, unpack(ids))
else
  for n = 1, #ids do entries[2 * n - 1] = due end
  redis.call('ZADD', 'rq:scheduled:' .. queue, unpack(entries))
end
