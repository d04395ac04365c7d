-- The steps of a delivery: it waits in the lane of its receiver, until it is delivered or has failed for good.
--- @include receiver

local function join_lane(id, receiver, due, clock)
  redis.call('HSET', delivery_key(id), 'due', due)
  redis.call('ZADD', lane_key(receiver), due, id)
  plan_turn(receiver, clock, 'LT')
end

-- Let the next delivery of the same order begin.
local function release_next(order, clock)
  for _, id in ipairs(redis.pcall('LRANGE', ordered_key(order), 0, -1)) do
    local delivery = redis.pcall('HMGET', delivery_key(id), 'status', 'receiver', 'blocked') -- it may be damaged
    if delivery[1] == WAITING_DELIVERY then
      if delivery[3] then
        redis.call('HDEL', delivery_key(id), 'blocked')
        join_lane(id, delivery[2], clock, clock)
      end
      return
    end
  end
end

local function end_delivery(id, status, clock)
  local key = delivery_key(id)
  local delivery = redis.call('HMGET', key, 'receiver', 'order')
  redis.call('HSET', key, 'status', status)
  redis.call('HDEL', key, 'due', 'blocked')
  if status == DELIVERED_DELIVERY then redis.call('HDEL', key, 'body', 'headers') end -- to save memory
  redis.call('EXPIRE', key, DELIVERY_TTL_SECONDS)
  redis.call('ZREM', DELIVERIES, id)
  redis.call('ZREM', lane_key(delivery[1]), id)
  redis.call('HINCRBY', DELIVERY_COUNTS, status, 1)
  release_next(delivery[2], clock)
end

-- `attempt`: JSON. The last ones are kept.
local function add_attempt(id, attempt)
  local is_whole, attempts = pcall(cjson.decode, redis.call('HGET', delivery_key(id), 'attempts') or '[]')
  if not is_whole or type(attempts) ~= 'table' then attempts = {} end -- somebody has damaged them
  if #attempts == MAX_ATTEMPTS then table.remove(attempts, 1) end
  table.insert(attempts, cjson.decode(attempt))
  redis.call('HSET', delivery_key(id), 'attempts', cjson.encode(attempts))
end
