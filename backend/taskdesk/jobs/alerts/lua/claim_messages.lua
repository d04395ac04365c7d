-- Take the first message of each channel that is due, to send it. Without a word from who takes it, it is due again after
-- the lease.
--- @include even_when_full, time
-- ARGV: 1 seconds of the lease. Answer: for each message its id, its channel, the message (JSON), how often it was tried,
--       and since when it waits (Unix seconds). alerts/outbox.py decodes it.
local lease = tonumber(ARGV[1])

local MAX_CHANNELS = 20 -- that one call takes

local clock, answer = now(), {}

-- Return the first message that is still there.
local function first_of(channel)
  while true do
    local id = redis.call('LINDEX', alert_lane_key(channel), 0)
    if not id then return end
    local fields = redis.call('HMGET', alert_message_key(id), 'message', 'tries', 'since', 'status')
    if fields[4] == WAITING_MESSAGE then return id, fields end
    redis.call('LPOP', alert_lane_key(channel))
  end
end

for _, channel in ipairs(redis.call('ZRANGEBYSCORE', ALERTS_CHANNELS, '-inf', clock, 'LIMIT', 0, MAX_CHANNELS)) do
  local id, fields = first_of(channel)
  if id then
    redis.call('ZADD', ALERTS_CHANNELS, clock + lease, channel)
    answer[#answer + 1] = {id, channel, fields[1], fields[2], fields[3]}
  else
    redis.call('ZREM', ALERTS_CHANNELS, channel)
  end
end
return answer
