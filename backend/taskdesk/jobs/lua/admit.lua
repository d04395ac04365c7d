-- Index jobs that RQ's own code has submitted: give each a number, as a submit does.
--- @include index
-- ARGV: for each job its id and its task; 1000 jobs at most.
local jobs = ARGV

local ids = {}
for i = 1, #jobs, 2 do ids[#ids + 1] = jobs[i] end
local known = redis.call('ZMSCORE', JOBS, unpack(ids)) -- an id may be that of an earlier job
local number = next_numbers(#ids) - #ids
local entries = {} -- numbers and ids, by index: one command for each index

local function add(index, id)
  local list = entries[index] or {}
  entries[index] = list
  list[#list + 1] = number
  list[#list + 1] = id
end

for n, id in ipairs(ids) do
  local task, job = jobs[2 * n], redis.pcall('HMGET', job_key(id), 'status', 'origin', NUMBER, FOREIGN)
  local status, queue = job[1], job[2]
  number = number + 1
  if not job.err and status and queue and not job[3] then -- else it was deleted, or another worker was faster
    redis.call('HSET', job_key(id), NUMBER, number, TASK, task, PLAIN, '1')
    add(JOBS, id)
    add(task_key(task), id)
    local now_in = STATUS_OF[status]
    if known[n] or job[4] then
      reindex(id)
    elseif now_in and now_in ~= RUNNING then
      add(index_key(queue, now_in), id)
      if now_in == FAILED then redis.call('RPUSH', UNCOUNTED, id) end
    end
  end
end
for index, list in pairs(entries) do redis.call('ZADD', index, unpack(list)) end
for i = 2, #jobs, 2 do
  if jobs[i] ~= jobs[i - 2] then redis.call('SADD', INDEXES, task_key(jobs[i])) end
end
