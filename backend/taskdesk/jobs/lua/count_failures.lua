-- Count failures that the step which ended the job could not count: RQ's own code or an older version ended it, or no
-- index had it.
--- @include even_when_full, job, causes
-- ARGV: for each job its id, its error (JSON), and the Unix time at which it counts. Jobs that were counted, retried, or
--       that have not failed, are left alone. A job without an error of ours shows this one from now on.
local failures = ARGV

for i = 1, #failures, 3 do
  local id, error, at = failures[i], failures[i + 1], tonumber(failures[i + 2])
  local job = fields_of(id, 'status', CAUSE, RETRIED_AS)
  if job[1] == RQ_FAILED and not job[2] and not job[3] then
    redis.call('HSETNX', job_key(id), ERROR, error)
    count_failure(id, error, at)
  end
end
