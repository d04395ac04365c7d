-- Messages on their way: each channel has a lane, in which only the first one is sent, so they arrive in order, and a
-- channel that is down holds up no other.
--- @include time

-- Forget what cannot be sent for so long that the lane is full.
local function drop_oldest(channel)
  local oldest = redis.call('LPOP', alert_lane_key(channel))
  redis.call('HSET', alert_message_key(oldest), 'status', FAILED_MESSAGE, 'answer', TOO_MANY)
  redis.call('HINCRBY', ALERTS_COUNTS, channel .. ' ' .. FAILED_MESSAGE, 1)
end

local function add_message(id, channel, message)
  local key, lane, clock = alert_message_key(id), alert_lane_key(channel), now()
  redis.call('HSET', key, 'channel', channel, 'message', message, 'status', WAITING_MESSAGE, 'tries', 0, 'since', clock)
  redis.call('EXPIRE', key, MESSAGE_TTL_SECONDS)
  redis.call('RPUSH', lane, id)
  redis.call('EXPIRE', lane, MESSAGE_TTL_SECONDS)
  redis.call('ZADD', ALERTS_CHANNELS, 'NX', clock, channel)
  if redis.call('LLEN', lane) > MAX_WAITING then drop_oldest(channel) end
  redis.call('LPUSH', ALERTS_LOG, id)
  redis.call('LTRIM', ALERTS_LOG, 0, MAX_LOG - 1)
  redis.call('EXPIRE', ALERTS_LOG, MESSAGE_TTL_SECONDS)
end
