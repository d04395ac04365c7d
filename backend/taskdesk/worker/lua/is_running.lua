-- Return true while the execution is the job's own: a late write of a lost worker changes nothing.
--- @include execution

local function is_running(id, execution)
  return redis.call('ZSCORE', registry_key(WIP, queue_of(id)), id .. ':' .. execution)
    and redis.call('HGET', job_key(id), 'status') == RQ_STARTED
end
