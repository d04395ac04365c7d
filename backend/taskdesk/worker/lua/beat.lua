-- The supervisor says that its worker lives, and asks whether the job that runs should go on.
-- ARGV: 1 worker, 2 now, 3 seconds until the worker's record expires; its news: 4 their number, 5 jobs that have
--       succeeded since the last, 6 the seconds that they took and 7 their number by queue (JSON); 8 bytes of memory of
--       the worker's child; of a job that runs: 9 id, 10 execution, 11 seconds until rq:wip forgets it, 12 began (Unix),
--       13 seconds so far, 14 1 while its function runs; of the job before it, if its worker tells its end only when
--       that one ends: 15 id, 16 execution.
-- News that come again count once. Answer: {1 if the worker's record is whole, what to do with the job: "go on", "stop"
-- or "drop", the time as TIME tells it}.

local worker = 'rq:worker:' .. ARGV[1]
local clock = now()
redis.call('ZADD', 'taskdesk:workers', clock, ARGV[1])
redis.call('HSET', worker, 'last_heartbeat', ARGV[2], 'td_memory', ARGV[8])
redis.call('EXPIRE', worker, ARGV[3])
if tonumber(ARGV[5]) ~= 0 and redis.call('HGET', worker, 'td_news') ~= ARGV[4] then
  redis.call('HSET', worker, 'td_news', ARGV[4])
  redis.call('HINCRBY', worker, 'successful_job_count', ARGV[5]) -- less, if the last was read while the child wrote
  redis.call('HINCRBYFLOAT', worker, 'total_working_time', ARGV[6])
  for queue, jobs in pairs(cjson.decode(ARGV[7])) do
    if queue ~= '' then count_ended(queue, 'succeeded', jobs) end
  end
end
local whole = redis.call('HEXISTS', worker, 'birth')
if not ARGV[9] then return {whole, 'go on', redis.call('TIME')} end

local function renew(id, execution)
  redis.call('ZADD', 'rq:wip:' .. queue_of(id), 'XX', math.floor(clock) + tonumber(ARGV[11]), id .. ':' .. execution)
end

if ARGV[15] then renew(ARGV[15], ARGV[16]) end
local id, execution, lease = ARGV[9], ARGV[10], tonumber(ARGV[11])
local key, queue = 'rq:job:' .. id, queue_of(id)
local member = id .. ':' .. execution
if not redis.call('ZSCORE', 'rq:wip:' .. queue, member) or redis.call('HGET', key, 'status') ~= 'started' then
  return {whole, 'drop', redis.call('TIME')} -- canceled, deleted, or given to another worker
end
renew(id, execution)
-- RQ's code that ends a job watches its hash: a write every two seconds would make it begin anew for ever.
if ARGV[14] == '1' then redis.call('HSET', key, 'last_heartbeat', ARGV[2]) end
redis.call('HSET', worker, 'current_job_working_time', ARGV[13], 'td_shown', execution)
redis.call('HSET', 'rq:execution:' .. member, 'id', execution, 'created_at', ARGV[12], 'last_heartbeat', clock,
  'worker_name', ARGV[1])
redis.call('EXPIRE', 'rq:execution:' .. member, lease)
redis.call('ZADD', 'rq:executions:' .. id, math.floor(clock) + lease + 60, execution)
redis.call('EXPIRE', 'rq:executions:' .. id, lease + 60)
return {whole, redis.call('HEXISTS', key, 'td_stop') == 1 and 'stop' or 'go on', redis.call('TIME')}
