-- The index of jobs: sorted sets of ids, from which lists and counts are read.
--- @include job, sequence
--
-- jobs by status   by queue and status (index_key), scored by the job's number: the order of submitting. A job that is
--                  queued again has a new number here. Running jobs are in none of them: rq:wip has them.
-- all jobs         JOBS; by task, tag and owner: task_key, tag_key, owner_key. Their keys are in INDEXES.
-- failed           cause_jobs_key, by cause, until they are retried (causes.lua)
-- handed back      foreign_key: each job as "<wanted> <since> <id>". All scores are 0, so the jobs that want the same
--                  follow each other, oldest first.
--
-- A job that was submitted by RQ's own code has no number, and is in no index, until intake.py has seen it.
--
-- This is not part of the scripts of the hot paths, which index what they change themselves: to make these tables and
-- functions takes Redis 1 µs at each call.

-- The JSON that says why a job was handed back; nil if there is none, or somebody has damaged it.
local function handed_back(field)
  local is_whole, state = pcall(cjson.decode, field or '')
  return is_whole and type(state) == 'table' and type(state.wanted) == 'string' and tonumber(state.since)
    and tonumber(state.tries) and type(state.refused) == 'string' and state or nil
end

-- The job's entry among those that were handed back.
local function foreign_entry(id, field)
  local state = handed_back(field) or {wanted = NAMELESS, since = 0}
  return state.wanted .. ' ' .. state.since .. ' ' .. id
end

-- The status under which a job is indexed.
local function status_in(rq_status, foreign)
  return foreign and rq_status == RQ_SCHEDULED and WAITING or STATUS_OF[rq_status]
end

-- A job that has left its failure, by RQ's own tools say, is counted anew if it fails again.
local function leave_cause(id, cause, now_in)
  redis.call('ZREM', cause_jobs_key(cause), id)
  redis.call('HDEL', job_key(id), CAUSE, RETRIED_AS)
  if now_in ~= CANCELED then redis.call('HDEL', job_key(id), ERROR) end
end

-- Index a job under the status that it has now. `at_end`: it is at the end of its queue again.
local function reindex(id, at_end)
  local job = fields_of(id, 'origin', 'status', NUMBER, FOREIGN, CAUSE)
  local queue, rq_status, number, foreign, cause = job[1], job[2], job[3], job[4], job[5]
  if not queue then return end
  local now_in = status_in(rq_status, foreign)
  if cause and now_in ~= FAILED then leave_cause(id, cause, now_in) end
  if foreign and rq_status == RQ_SCHEDULED then
    redis.call('ZADD', foreign_key(queue), 0, foreign_entry(id, foreign))
  elseif foreign then
    redis.call('ZREM', foreign_key(queue), foreign_entry(id, foreign))
  end
  if not number then
    redis.call('RPUSH', UNLISTED, id)
    return
  end
  if now_in == FAILED and not cause then redis.call('RPUSH', UNCOUNTED, id) end
  for _, status in ipairs(INDEXED) do
    if status == now_in then
      redis.call('ZADD', index_key(queue, status), at_end and next_numbers(1) or number, id)
    else
      redis.call('ZREM', index_key(queue, status), id)
    end
  end
end
