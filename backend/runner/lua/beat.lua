-- The supervisor says that its worker lives, and asks whether the job that runs should go on.
-- ARGV: 1 worker, 2 now, 3 seconds until the worker's record expires;
--       of a job that runs: 4 id, 5 execution, 6 seconds until rq:wip forgets it, 7 began (Unix), 8 seconds so far.
-- Answer: {1 if the worker's record is whole, what to do with the job: "go on", "stop" or "drop"}.

local worker = 'rq:worker:' .. ARGV[1]
local clock = now()
redis.call('ZADD', 'taskdesk:workers', clock, ARGV[1])
redis.call('HSET', worker, 'last_heartbeat', ARGV[2])
redis.call('EXPIRE', worker, ARGV[3])
local whole = redis.call('HEXISTS', worker, 'birth')
if not ARGV[4] then return {whole, 'go on'} end

local id, execution, lease = ARGV[4], ARGV[5], tonumber(ARGV[6])
local key, queue = 'rq:job:' .. id, queue_of(id)
local member = id .. ':' .. execution
if not redis.call('ZSCORE', 'rq:wip:' .. queue, member) or redis.call('HGET', key, 'status') ~= 'started' then
  return {whole, 'drop'} -- canceled, deleted, or given to another worker
end
redis.call('ZADD', 'rq:wip:' .. queue, 'XX', math.floor(clock) + lease, member)
redis.call('HSET', key, 'last_heartbeat', ARGV[2])
redis.call('HSET', worker, 'current_job_working_time', ARGV[8])
redis.call('HSET', 'rq:execution:' .. member, 'id', execution, 'created_at', ARGV[7], 'last_heartbeat', clock,
  'worker_name', ARGV[1])
redis.call('EXPIRE', 'rq:execution:' .. member, lease)
redis.call('ZADD', 'rq:executions:' .. id, math.floor(clock) + lease + 60, execution)
redis.call('EXPIRE', 'rq:executions:' .. id, lease + 60)
return {whole, redis.call('HEXISTS', key, 'td_stop') == 1 and 'stop' or 'go on'}
