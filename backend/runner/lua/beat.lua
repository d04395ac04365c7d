-- The supervisor says that its worker lives, and asks whether the job that runs should go on.
-- ARGV: 1 worker, 2 now, 3 seconds until the worker's record expires, 4 jobs that have succeeded since the last beat,
--       5 the seconds that they took and 6 their number by queue (JSON), 7 bytes of memory of the worker's child;
--       of a job that runs: 8 id, 9 execution, 10 seconds until rq:wip forgets it, 11 began (Unix), 12 seconds so far.
-- Answer: {1 if the worker's record is whole, what to do with the job: "go on", "stop" or "drop"}.

local worker = 'rq:worker:' .. ARGV[1]
local clock = now()
redis.call('ZADD', 'taskdesk:workers', clock, ARGV[1])
redis.call('HSET', worker, 'last_heartbeat', ARGV[2], 'td_memory', ARGV[7])
redis.call('EXPIRE', worker, ARGV[3])
if tonumber(ARGV[4]) ~= 0 then -- what was read while the child wrote is put right by the next beat
  redis.call('HINCRBY', worker, 'successful_job_count', ARGV[4])
  redis.call('HINCRBYFLOAT', worker, 'total_working_time', ARGV[5])
  for queue, jobs in pairs(cjson.decode(ARGV[6])) do
    if queue ~= '' then count_ended(queue, 'succeeded', jobs) end
  end
end
local whole = redis.call('HEXISTS', worker, 'birth')
if not ARGV[8] then return {whole, 'go on'} end

local id, execution, lease = ARGV[8], ARGV[9], tonumber(ARGV[10])
local key, queue = 'rq:job:' .. id, queue_of(id)
local member = id .. ':' .. execution
if not redis.call('ZSCORE', 'rq:wip:' .. queue, member) or redis.call('HGET', key, 'status') ~= 'started' then
  return {whole, 'drop'} -- canceled, deleted, or given to another worker
end
redis.call('ZADD', 'rq:wip:' .. queue, 'XX', math.floor(clock) + lease, member)
redis.call('HSET', key, 'last_heartbeat', ARGV[2])
redis.call('HSET', worker, 'current_job_working_time', ARGV[12], 'td_shown', execution)
redis.call('HSET', 'rq:execution:' .. member, 'id', execution, 'created_at', ARGV[11], 'last_heartbeat', clock,
  'worker_name', ARGV[1])
redis.call('EXPIRE', 'rq:execution:' .. member, lease)
redis.call('ZADD', 'rq:executions:' .. id, math.floor(clock) + lease + 60, execution)
redis.call('EXPIRE', 'rq:executions:' .. id, lease + 60)
return {whole, redis.call('HEXISTS', key, 'td_stop') == 1 and 'stop' or 'go on'}
