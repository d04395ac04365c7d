-- The index of jobs: sorted sets of ids, from which lists and counts are read. It stands before each script.
--
-- taskdesk:jobs                    every job, by its number: the order of submitting
-- taskdesk:jobs:<queue>:<status>   by the same number; a job that was queued again has a new one here
-- taskdesk:task:<task>, taskdesk:tag:<tag>, taskdesk:owner:<owner>; their keys are in taskdesk:indexes
--
-- A job that runs is in none of the second kind: rq:wip has it. A job that somebody submitted by RQ's own code has
-- no number (td_seq), and is in no index.

local WAKE = 'taskdesk:wake'
local SEQUENCE = 'taskdesk:sequence'
local NAMED = 'taskdesk:indexes'
local INDEXED = {'queued', 'scheduled', 'waiting', 'succeeded', 'failed', 'canceled'}
local WORDS = {created = 'queued', queued = 'queued', scheduled = 'scheduled', deferred = 'waiting',
  finished = 'succeeded', failed = 'failed', canceled = 'canceled', stopped = 'canceled'}

local function index_key(queue, word)
  return 'taskdesk:jobs:' .. queue .. ':' .. word
end

local function owner_key(owner)
  return 'taskdesk:owner:' .. owner
end

-- Index a job under the status that it has now. `at_end`: it was put at the end of its queue again.
local function reindex(id, at_end)
  local job = redis.call('HMGET', 'rq:job:' .. id, 'origin', 'status', 'td_seq')
  if not job[1] or not job[3] then return end
  for _, word in ipairs(INDEXED) do
    if word == WORDS[job[2]] then
      redis.call('ZADD', index_key(job[1], word), at_end and redis.call('INCR', SEQUENCE) or job[3], id)
    else
      redis.call('ZREM', index_key(job[1], word), id)
    end
  end
end
