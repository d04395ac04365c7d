-- Keeping the index (index.lua). It is not in the scripts of the hot paths: Redis would make these tables and functions at
-- each call, 1 µs of it.

local INDEXED = {'queued', 'scheduled', 'waiting', 'succeeded', 'failed', 'canceled'}
local WORDS = {created = 'queued', queued = 'queued', scheduled = 'scheduled', deferred = 'waiting',
  finished = 'succeeded', failed = 'failed', canceled = 'canceled', stopped = 'canceled'}

local function foreign_key(queue)
  return 'taskdesk:foreign:' .. queue
end

-- The field td_foreign of a job that was handed back; nil if there is none, or somebody has damaged it.
local function handed_back(field)
  local is_whole, state = pcall(cjson.decode, field or '')
  return is_whole and type(state) == 'table' and type(state.wanted) == 'string' and tonumber(state.since)
    and tonumber(state.tries) and type(state.refused) == 'string' and state or nil
end

-- Its entry among those of its queue.
local function foreign_entry(id, field)
  local its = handed_back(field) or {wanted = '-', since = 0}
  return its.wanted .. ' ' .. its.since .. ' ' .. id
end

-- Index a job under the status that it has now. `at_end`: it was put at the end of its queue again.
local function reindex(id, at_end)
  local job = redis.call('HMGET', 'rq:job:' .. id, 'origin', 'status', 'td_seq', 'td_foreign')
  if not job[1] then return end
  local its_word = WORDS[job[2]]
  if job[4] and job[2] == 'scheduled' then
    its_word = 'waiting'
    redis.call('ZADD', foreign_key(job[1]), 0, foreign_entry(id, job[4]))
  elseif job[4] then
    redis.call('ZREM', foreign_key(job[1]), foreign_entry(id, job[4]))
  end
  if not job[3] then return end
  for _, word in ipairs(INDEXED) do
    if word == its_word then
      redis.call('ZADD', index_key(job[1], word), at_end and redis.call('INCR', SEQUENCE) or job[3], id)
    else
      redis.call('ZREM', index_key(job[1], word), id)
    end
  end
end
