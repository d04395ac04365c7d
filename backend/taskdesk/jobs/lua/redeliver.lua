-- Send a delivery again that has failed, or, if it waits, now. It has all its attempts again. One that was delivered has no
-- body any more, and its receiver may pass over an id that it knows: its job gets another delivery.
--- @include time, delivery, webhook, job
-- ARGV: 1 id. Answer: its status before; "off" if its URL is switched off, nothing for an unknown one, or if the job of one
--       that was delivered is gone, or runs again.
local id = ARGV[1]

local key, clock = delivery_key(id), now()
local delivery = redis.pcall('HMGET', key, 'status', 'receiver', 'url', 'blocked', 'order')
if not delivery[1] then return end
if redis.call('ZSCORE', SWITCHED_OFF, delivery[3]) then return 'off' end
if delivery[1] == DELIVERED_DELIVERY then
  local job = fields_of(delivery[5], 'status', 'ended_at')
  if not FINAL_REGISTRY[job[1]] then return end
  note_end(delivery[5], job[1], job[2] or '-', delivery[3])
  return delivery[1]
end
local is_sent_now = redis.call('ZSCORE', sending_key(delivery[2]), id)
if not is_sent_now and not delivery[4] then
  redis.call('HSET', key, 'status', WAITING_DELIVERY, 'tries', 0, 'since', clock)
  redis.call('EXPIRE', key, DELIVERY_TTL_SECONDS)
  redis.call('ZADD', DELIVERIES, clock, id)
  redis.call('HDEL', receiver_key(delivery[2]), 'held_until')
  join_lane(id, delivery[2], clock, clock)
end
return delivery[1]
