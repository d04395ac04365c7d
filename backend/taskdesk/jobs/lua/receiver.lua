-- When a receiver of deliveries has its next turn. A receiver is scheme, host and port of URLs: what is down together.
--
-- Each has a lane of deliveries, so one that hangs holds up only its own. `receiver_key` has how its last attempts went:
-- `failures` in a row, `seconds` of the last one, `held_until`, and `error` of the last failure.

local MOST_SENDING = 8 -- to one receiver at a time
local MOST_TO_SLOW, SLOW_SECONDS = 2, 1
local MOST_TO_FAILING = 1

local function most_sending(failures, seconds)
  if tonumber(failures or 0) > 0 then return MOST_TO_FAILING end
  return tonumber(seconds or 0) > SLOW_SECONDS and MOST_TO_SLOW or MOST_SENDING
end

-- Return how many deliveries may be sent to the receiver now, besides those that are.
local function room_at(receiver, clock)
  local health = redis.call('HMGET', receiver_key(receiver), 'failures', 'seconds')
  redis.call('ZREMRANGEBYSCORE', sending_key(receiver), '-inf', clock) -- their deliverer died
  return most_sending(health[1], health[2]) - redis.call('ZCARD', sending_key(receiver))
end

-- Plan the receiver's next turn. Those whose turn has come have it in the order of these times, so a new time lets the
-- others go first; `LT` keeps the earlier one.
local function plan_turn(receiver, clock, mode)
  local first = redis.call('ZRANGE', lane_key(receiver), 0, 0, 'WITHSCORES')
  if not first[2] then return redis.call('ZREM', RECEIVERS, receiver) end
  local held_until = tonumber(redis.call('HGET', receiver_key(receiver), 'held_until') or 0)
  local turn = math.max(tonumber(first[2]), held_until, clock)
  if room_at(receiver, clock) < 1 then
    turn = math.max(turn, tonumber(redis.call('ZRANGE', sending_key(receiver), 0, 0, 'WITHSCORES')[2]))
  end
  redis.call('ZADD', RECEIVERS, unpack(mode and {mode, turn, receiver} or {turn, receiver}))
end
