-- Store how an attempt to send a message went, and let the next one of its channel go.
--- @include even_when_full, time
-- ARGV: 1 id, 2 channel, 3 its status now, 4 the answer, 5 if it waits: in how many seconds it is tried again.
-- A message that has ended meanwhile, or is gone, stays as it is.
local id, channel, status, answer, delay = unpack(ARGV)

local key, lane, clock = alert_message_key(id), alert_lane_key(channel), now()
if redis.call('HGET', key, 'status') ~= WAITING_MESSAGE or redis.call('LINDEX', lane, 0) ~= id then return 0 end
redis.call('HSET', key, 'status', status, 'answer', answer, 'at', clock)
redis.call('HINCRBY', key, 'tries', 1)
if status == WAITING_MESSAGE then
  redis.call('ZADD', ALERTS_CHANNELS, clock + delay, channel)
  return 1
end
redis.call('HINCRBY', ALERTS_COUNTS, channel .. ' ' .. status, 1)
redis.call('LPOP', lane)
if redis.call('EXISTS', lane) == 1 then
  redis.call('ZADD', ALERTS_CHANNELS, clock, channel)
else
  redis.call('ZREM', ALERTS_CHANNELS, channel)
end
return 1
