-- Take, renew or give up the place of an idle worker that watches queues (worker/child/lookout.py).
--- @include even_when_full
-- KEYS: the queues.
-- ARGV: 1 key of the places, 2 of the tokens, 3 worker, 4 how many places there are, 5 seconds of the lease; 0 gives up
--       the place and leaves a token.
-- Answer: 1 if the worker has a place.
local places, tokens, worker, number, lease = unpack(ARGV)

local MAX_TOKENS = 16 -- if nobody waits for them

if lease == '0' then
  redis.call('ZREM', places, worker)
  redis.call('RPUSH', tokens, worker)
  if redis.call('EXISTS', unpack(KEYS)) > 0 then redis.call('RPUSH', tokens, worker) end
  redis.call('LTRIM', tokens, -MAX_TOKENS, -1)
  redis.call('EXPIRE', tokens, RECORD_TTL_SECONDS)
  return 0
end

local clock = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', places, '-inf', clock)
if redis.call('ZCARD', places) >= tonumber(number) and not redis.call('ZSCORE', places, worker) then return 0 end
redis.call('ZADD', places, clock + lease, worker)
redis.call('EXPIRE', places, lease)
return 1
