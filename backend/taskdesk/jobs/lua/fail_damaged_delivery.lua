-- End a delivery that can't be sent, because its hash is damaged, and let the next one of its order begin.
--- @include even_when_full, time, delivery
-- ARGV: 1 id, 2 the attempt (JSON) that says so.
local id, attempt = ARGV[1], ARGV[2]

local key, clock = delivery_key(id), now()
local delivery = redis.pcall('HMGET', key, 'receiver', 'order')
if not (delivery[1] and delivery[2]) then -- claim.lua removes it from the lane
  redis.call('DEL', key)
  redis.call('ZREM', DELIVERIES, id)
  return
end
add_attempt(id, attempt)
redis.call('ZREM', sending_key(delivery[1]), id)
end_delivery(id, FAILED_DELIVERY, clock)
plan_turn(delivery[1], clock)
