-- Store how an attempt at a delivery went. A delivery that has ended, or is gone, stays as it is.
--- @include even_when_full, time, delivery
-- ARGV: 1 id, 2 its receiver, 3 its status now, 4 the attempt (JSON); if it waits: 5 in how many seconds it is due; of the
--       receiver: 6 seconds that it took, 7 what it did wrong, empty if nothing, 8 how many failures in a row it may have
--       before it is held; 9 the URL, if it is to be switched off, else empty; 10 the attempt (JSON) that stands for
--       those that never came, since the receiver was held for so long.
-- Answer: 1 if this was stored.
local id, receiver, status, attempt, delay, seconds, failure, failures_allowed, off_url, late_attempt = unpack(ARGV)

local FIRST_HOLD, LONGEST_HOLD = 5, 300 -- seconds; each is twice the one before
local HEALTH_SECONDS = 24 * 3600 -- that is remembered
local MAX_LATE, MAX_OFF = 100, 1000

local clock = now()

local function note_health()
  local key = receiver_key(receiver)
  redis.call('HSET', key, 'seconds', seconds)
  redis.call('EXPIRE', key, HEALTH_SECONDS)
  if failure == '' then
    redis.call('HDEL', key, 'failures', 'held_until', 'error')
    return
  end
  local over = redis.call('HINCRBY', key, 'failures', 1) - tonumber(failures_allowed)
  redis.call('HSET', key, 'error', failure)
  if over > 0 then
    redis.call('HSET', key, 'held_until', clock + math.min(FIRST_HOLD * 2 ^ (over - 1), LONGEST_HOLD))
  end
end

-- While a receiver is held, most of its deliveries have no attempt: the time decides when it is over for them.
local function end_late_ones()
  for _, late in ipairs(redis.call('ZRANGE', lane_key(receiver), 0, MAX_LATE - 1)) do
    local since = tonumber(redis.pcall('HGET', delivery_key(late), 'since')) or clock -- it may be damaged
    if since < clock - GIVE_UP_SECONDS then
      add_attempt(late, late_attempt)
      end_delivery(late, FAILED_DELIVERY, clock)
    end
  end
end

redis.call('ZREM', sending_key(receiver), id)
local is_stored = redis.pcall('HGET', delivery_key(id), 'status') == WAITING_DELIVERY
if is_stored then
  add_attempt(id, attempt)
  redis.call('HINCRBY', delivery_key(id), 'tries', 1)
  note_health()
  if off_url ~= '' then
    redis.call('ZADD', SWITCHED_OFF, clock, off_url)
    redis.call('ZREMRANGEBYRANK', SWITCHED_OFF, 0, -MAX_OFF - 1)
  end
  if status ~= WAITING_DELIVERY then
    end_delivery(id, status, clock)
  else
    redis.call('HSET', delivery_key(id), 'due', clock + delay)
    redis.call('ZADD', lane_key(receiver), clock + delay, id)
  end
  if failure ~= '' then end_late_ones() end
end
plan_turn(receiver, clock)
return is_stored and 1 or 0
