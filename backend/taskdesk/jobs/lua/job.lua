-- Read a job that somebody may have damaged.

-- Return true if the key of a job holds no hash.
local function is_damaged(id)
  local kind = redis.call('TYPE', job_key(id)).ok
  return kind ~= 'hash' and kind ~= 'none'
end

-- Return fields of a job, as HMGET does; none if its key holds no hash.
local function fields_of(id, ...)
  local values = redis.pcall('HMGET', job_key(id), ...)
  return values.err and {} or values
end

-- Return the status of a job and these fields. A hash without a status counts as created, as a worker sees it; of a key
-- that holds no hash the status is UNREADABLE.
local function read_job(id, ...)
  local job = fields_of(id, 'status', ...)
  if #job == 0 then return {UNREADABLE} end
  if not job[1] and redis.call('EXISTS', job_key(id)) == 1 then job[1] = RQ_CREATED end
  return job
end
