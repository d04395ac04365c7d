-- The keys that live as long as a job: they expire, are kept and are deleted together.

local function lifelong_keys(id)
  return {job_key(id), results_key(id), log_key(id), dependents_key(id), dependencies_key(id)}
end

-- Let a job that has ended expire in `ttl` seconds, or keep it for ever if that is below 1.
local function expire_job(id, ttl)
  for _, key in ipairs(lifelong_keys(id)) do
    if ttl > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
  end
  if ttl > 0 and ttl < EVENTS_TTL_SECONDS then redis.call('EXPIRE', events_key(id), ttl) end -- they never live longer
end
