-- Take deliveries that are due, for a deliverer to send. Without a word from it, each is due again after its lease.
--- @include even_when_full, time, delivery
-- ARGV: 1 how many, 2 seconds of the lease.
-- Answer: {how many ended jobs have no delivery yet, for each delivery: {id, fields of its hash …}}.
--       worker/deliverer/loop.py decodes it.
local most, lease = tonumber(ARGV[1]), tonumber(ARGV[2])

local MAX_RECEIVERS = 100 -- that one call looks at

local clock, answer = now(), {redis.call('LLEN', ENDED)}

local function claim(id, receiver)
  local delivery = redis.pcall('HMGET', delivery_key(id), 'url', 'body', 'headers', 'signed', 'tries', 'since', 'status')
  if delivery[7] ~= WAITING_DELIVERY then -- it was deleted with its job, has expired, or is damaged
    redis.call('ZREM', lane_key(receiver), id)
    redis.call('ZREM', DELIVERIES, id)
    local order = redis.pcall('HGET', delivery_key(id), 'order')
    if type(order) == 'string' then release_next(order, clock) end
    return
  end
  redis.call('ZADD', lane_key(receiver), clock + lease, id)
  redis.call('ZADD', sending_key(receiver), clock + lease, id)
  answer[#answer + 1] = {id, unpack(delivery, 1, 6)}
end

-- Those have expired: nobody has sent anything for so long.
redis.call('ZREMRANGEBYSCORE', DELIVERIES, '-inf', clock - DELIVERY_TTL_SECONDS)
for _, receiver in ipairs(redis.call('ZRANGEBYSCORE', RECEIVERS, '-inf', clock, 'LIMIT', 0, MAX_RECEIVERS)) do
  local room = math.min(most - (#answer - 1), room_at(receiver, clock))
  if #answer > most then break end
  if room > 0 then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', lane_key(receiver), '-inf', clock, 'LIMIT', 0, room)) do
      claim(id, receiver)
    end
  end
  plan_turn(receiver, clock)
end
return answer
