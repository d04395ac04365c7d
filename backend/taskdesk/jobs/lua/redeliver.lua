-- Send a delivery again, or, if it waits, now. It has all its attempts again.
--- @include time, delivery
-- ARGV: 1 id. Answer: its status before; "off" if its URL is switched off, nothing for an unknown one.
local id = ARGV[1]

local key, clock = delivery_key(id), now()
local delivery = redis.call('HMGET', key, 'status', 'receiver', 'url', 'blocked')
if not delivery[1] then return end
if redis.call('ZSCORE', SWITCHED_OFF, delivery[3]) then return 'off' end
local is_sent_now = redis.call('ZSCORE', sending_key(delivery[2]), id)
if not is_sent_now and not delivery[4] then
  redis.call('HSET', key, 'status', WAITING_DELIVERY, 'tries', 0, 'since', clock)
  redis.call('EXPIRE', key, DELIVERY_TTL_SECONDS)
  redis.call('ZADD', DELIVERIES, clock, id)
  redis.call('HDEL', receiver_key(delivery[2]), 'held_until')
  join_lane(id, delivery[2], clock, clock)
end
return delivery[1]
