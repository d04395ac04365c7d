-- Count failures by their cause, for jobs/cause.py. A job that is tried again has not failed: only final failures count.
--
-- CAUSES has the causes by when each was seen last, cause_key what is known of one, cause_jobs_key its jobs that nobody has
-- retried. A job's field CAUSE says that it was counted. All of it stays while the jobs expire; a sweep removes the ids of
-- those from cause_jobs_key, as from every index in INDEXES.

-- Cut a text between characters of UTF-8.
local function cut(text, most)
  if #text <= most then return text end
  return string.gsub(string.sub(text, 1, most), '[\192-\255][\128-\191]*$', '') .. '…'
end

-- Return members of the error of a job, empty where it has none or somebody has damaged them.
local function members_of(error)
  local is_whole, stored = pcall(cjson.decode, error)
  local members = {}
  for _, name in ipairs({'type', 'title', 'detail', 'frame'}) do
    local value = is_whole and type(stored) == 'table' and stored[name]
    members[name] = type(value) == 'string' and value or ''
  end
  members.line = is_whole and type(stored) == 'table' and tonumber(stored.line) or 0
  return members
end

-- Forget the cause that was seen last the longest ago, but a muted one only if all others but the newest are muted.
local function forget_oldest()
  local causes = redis.call('ZRANGE', CAUSES, 0, -2)
  local oldest = causes[1]
  for _, cause in ipairs(causes) do
    if redis.pcall('HGET', cause_key(cause), 'state') ~= CAUSE_MUTED then
      oldest = cause
      break
    end
  end
  redis.call('ZREM', CAUSES, oldest)
  redis.call('DEL', cause_key(oldest), cause_jobs_key(oldest))
end

-- Each of the last hours has a field, and the same field serves again two days later.
local function count_in_hour(key, at)
  local hour = math.floor(at / 3600)
  local field = 'hour ' .. hour % CAUSE_HOURS
  local counted, number = string.match(redis.call('HGET', key, field) or '', '^(%d+) (%d+)$')
  counted = tonumber(counted) or 0
  if counted > hour then return end
  redis.call('HSET', key, field, hour .. ' ' .. (counted == hour and number or 0) + 1)
end

-- Count the failure of a job, with the error of its field, at a Unix time. A job that no index has is counted when the
-- intake has found its task.
local function count_failure(id, error, at)
  local job = redis.call('HMGET', job_key(id), TASK, NUMBER)
  local task, number = job[1], job[2]
  if not task or not number then return end
  local its = members_of(error)
  local cause = string.sub(redis.sha1hex(table.concat({task, its.type, its.frame}, '\n')), 1, 12)
  local key, time = cause_key(cause), string.format('%.3f', at)
  local before = redis.call('HMGET', key, 'first', 'last', 'state')
  local first, last = tonumber(before[1]), tonumber(before[2])

  if not first or at < first then redis.call('HSET', key, 'first', time) end
  if not last or at >= last then
    redis.call('HSET', key, 'task', task, 'type', its.type, 'title', its.title, 'frame', its.frame, 'line', its.line,
      'message', cut(its.detail, MAX_MESSAGE_BYTES), 'sample', id, 'last', time)
    redis.call('ZADD', CAUSES, time, cause)
    if before[3] == CAUSE_RESOLVED then
      redis.call('HDEL', key, 'state')
      redis.call('HSET', key, 'reopened', time)
    end
  end
  redis.call('HINCRBY', key, 'count', 1)
  count_in_hour(key, at)
  redis.call('HSET', job_key(id), CAUSE, cause)
  redis.call('ZADD', cause_jobs_key(cause), number, id)
  redis.call('SADD', INDEXES, cause_jobs_key(cause))
  if redis.call('ZCARD', CAUSES) > MAX_CAUSES then forget_oldest() end
end
