-- Put jobs of one task on a queue. An id that is there already changes nothing: a request that was sent again after a
-- lost answer is harmless.
-- ARGV: 1 queue, 2 task, 3 tags (with spaces between), 4 key of the request that must not be done twice, empty for
--       none, 5 what to keep under it and 6 for how many seconds, 7 how many fields and values a job has; then for
--       each job its id and these.
-- Answer: what was kept under the key before, if there was something; then nothing is done.

local queue, task, tags, size = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7])
if ARGV[4] ~= '' and not redis.call('SET', ARGV[4], ARGV[5], 'NX', 'EX', ARGV[6]) then
  return redis.call('GET', ARGV[4])
end
local indexes = {'taskdesk:task:' .. task}
for tag in string.gmatch(tags, '%S+') do indexes[#indexes + 1] = 'taskdesk:tag:' .. tag end
redis.call('SADD', 'rq:queues', 'rq:queue:' .. queue)
redis.call('SADD', 'taskdesk:indexes', unpack(indexes))
indexes[#indexes + 1] = 'taskdesk:jobs'
indexes[#indexes + 1] = index_key(queue, 'queued')

for i = 8, #ARGV, size + 1 do
  local id = ARGV[i]
  local key = 'rq:job:' .. id
  if redis.call('EXISTS', key) == 0 then
    local number = redis.call('INCR', SEQUENCE)
    redis.call('HSET', key, 'td_seq', number, unpack(ARGV, i + 1, i + size))
    for _, index in ipairs(indexes) do redis.call('ZADD', index, number, id) end
    redis.call('RPUSH', 'rq:queue:' .. queue, id)
  end
end
