-- Mute a cause, resolve it, or open it again.
--- @include even_when_full
-- ARGV: 1 cause, 2 its new state, 3 the user, 4 Unix time. Answer: 1, or 0 if there is no such cause.
local cause, state, user, time = unpack(ARGV)

if not redis.call('ZSCORE', CAUSES, cause) then return 0 end
redis.call('HSET', cause_key(cause), 'state', state, 'changed_by', user, 'changed', time)
redis.call('HDEL', cause_key(cause), 'reopened')
return 1
