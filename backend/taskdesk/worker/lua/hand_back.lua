-- Hand back a job that its worker can't run: RQ's scheduler queues it again after 1, 2, 4 … seconds, at the end of its
-- queue, for a worker of any kind; a worker of ours that serves it takes it before that (adopt.lua).
--- @include time, enqueue

local MAX_PAUSE_SECONDS = 30 -- that the job stays off its queue
local RETURNS_PER_SECOND = 100 -- of such jobs to a queue: more would keep its workers from the jobs that they serve

-- Return a version of the task that is online and has not refused the job.
local function untried(refused, versions)
  for version in string.gmatch(versions, '%S+') do
    if not string.find(refused .. ' ', ' ' .. version .. ' ', 1, true) then return version end
  end
end

-- Return what the job wants now, and the versions that have refused it; nil if no worker online could run it.
local function next_wish(refused, foreign)
  if foreign.version == '' then return foreign.reference, refused end
  if untried(refused, foreign.version) then refused = refused .. ' ' .. foreign.version end
  local version = untried(refused, foreign.others)
  return version and foreign.reference .. '@' .. version, refused
end

-- `foreign`: why (release.lua). Return how often the job was handed back, counting this time. If it has to fail instead,
-- return nil and, after FOREIGN_TTL, true.
local function hand_back(id, queue, foreign)
  local key, clock = job_key(id), now()
  local state = handed_back(redis.call('HGET', key, FOREIGN))
    or {since = string.format('%.6f', clock), tries = 0, refused = ''}
  local deadline = tonumber(state.since) + foreign.ttl
  if clock >= deadline then return nil, true end
  state.wanted, state.refused = next_wish(state.refused, foreign)
  if not state.wanted then return nil end
  state.tries, state.reason = state.tries + 1, foreign.reason
  local waiting = redis.call('ZCARD', foreign_key(queue))
  local pause = math.max(math.min(2 ^ (state.tries - 1), MAX_PAUSE_SECONDS), waiting / RETURNS_PER_SECOND)
  redis.call('HDEL', key, 'started_at', 'last_heartbeat', 'worker_name')
  redis.call('HSET', key, FOREIGN, cjson.encode(state))
  schedule(id, queue, math.min(clock + pause, deadline))
  return state.tries
end
