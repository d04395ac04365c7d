-- Let deliveries begin that wait for one before them that is gone: its key was damaged or evicted.
--- @include even_when_full, time, delivery
local MAX_LOOKED_AT = 100 -- the oldest that wait

local clock = now()
for _, id in ipairs(redis.call('ZRANGE', DELIVERIES, 0, MAX_LOOKED_AT - 1)) do
  local delivery = redis.pcall('HMGET', delivery_key(id), 'blocked', 'order')
  if delivery[1] and delivery[2] then release_next(delivery[2], clock) end
end
