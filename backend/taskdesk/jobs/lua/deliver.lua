-- Make a delivery. An id that exists already changes nothing.
--- @include is_full, time, delivery
-- ARGV: 1 id, 2 order, 3 URL, 4 receiver, 5 body, 6 type, 7 headers (JSON), 8 1 if it is to be signed; 9 the attempt
--       (JSON) that stands for one to a URL that is switched off; 10 the entry of ENDED that it is made of, or empty.
-- Answer: 1 if it was made, 0 if it exists, or its entry is gone; -1 if Redis is full.
local id, order, url, receiver, body, type_, headers, is_signed, off_attempt, entry = unpack(ARGV)

local MAX_KEPT = 20 -- deliveries of one order

local function forget_oldest()
  local list = ordered_key(order)
  while redis.call('LLEN', list) > MAX_KEPT do
    local oldest = redis.call('LINDEX', list, 0)
    if redis.pcall('HGET', delivery_key(oldest), 'status') == WAITING_DELIVERY then return end -- it may be damaged
    redis.call('LPOP', list)
  end
end

if is_full then return -1 end
if entry ~= '' and redis.call('LREM', ENDED, 1, entry) == 0 then return 0 end
if redis.call('EXISTS', delivery_key(id)) == 1 then return 0 end
local clock, list = now(), ordered_key(order)
local previous = redis.call('LINDEX', list, -1)
redis.call('HSET', delivery_key(id), 'url', url, 'receiver', receiver, 'order', order, 'body', body, 'type', type_,
  'headers', headers, 'signed', is_signed, 'status', WAITING_DELIVERY, 'made', clock, 'since', clock,
  'tries', 0)
redis.call('EXPIRE', delivery_key(id), DELIVERY_TTL_SECONDS)
redis.call('RPUSH', list, id)
redis.call('EXPIRE', list, DELIVERY_TTL_SECONDS)
forget_oldest()
redis.call('ZADD', DELIVERIES, clock, id)
if redis.call('ZSCORE', SWITCHED_OFF, url) then
  add_attempt(id, off_attempt)
  end_delivery(id, FAILED_DELIVERY, clock)
elseif previous and redis.pcall('HGET', delivery_key(previous), 'status') == WAITING_DELIVERY then
  redis.call('HSET', delivery_key(id), 'blocked', 1)
else
  join_lane(id, receiver, clock, clock)
end
return 1
