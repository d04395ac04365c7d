-- Remove jobs, and all that belongs to them but their files. One that runs is left alone.
-- ARGV: ids. Answer: for each the status that RQ knew; "started" for one that runs, empty for none.

local answer, jobs = {}, {}

for i, id in ipairs(ARGV) do
  local job = redis.call('HMGET', 'rq:job:' .. id, 'status', 'origin', 'td_task', 'td_tags', 'td_owner', 'td_foreign')
  jobs[i] = job
  if job[1] == 'queued' or job[1] == 'created' then take_off(id, job[2] or '') end
end
close_gaps()

for i, id in ipairs(ARGV) do
  local key, job = 'rq:job:' .. id, jobs[i]
  local status, queue = job[1], job[2] or ''
  if status and status ~= 'started' then
    for _, registry in ipairs({'finished', 'failed', 'canceled', 'scheduled', 'deferred'}) do
      redis.call('ZREM', 'rq:' .. registry .. ':' .. queue, id)
    end
    leave_parents(id)
    for _, word in ipairs(INDEXED) do redis.call('ZREM', index_key(queue, word), id) end
    if job[6] then redis.call('ZREM', foreign_key(queue), foreign_entry(id, job[6])) end
    redis.call('ZREM', 'taskdesk:jobs', id)
    redis.call('ZREM', 'taskdesk:task:' .. (job[3] or ''), id)
    for tag in string.gmatch(job[4] or '', '%S+') do redis.call('ZREM', 'taskdesk:tag:' .. tag, id) end
    if job[5] then
      redis.call('HINCRBY', BYTES, job[5], -size_of(id))
      redis.call('ZREM', owner_key(job[5]), id)
    end
    redis.call('DEL', key, key .. ':dependents', 'rq:job::' .. id .. ':dependencies', 'rq:results:' .. id,
      'rq:executions:' .. id, 'taskdesk:events:' .. id, 'taskdesk:log:' .. id)
    redis.call('PUBLISH', WAKE, id)
  end
  answer[#answer + 1] = status or ''
end
return answer
