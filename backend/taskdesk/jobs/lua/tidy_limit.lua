-- Free the slots of a limit that jobs left behind: those that expired, or that RQ's tools deleted while they were running.
--- @include even_when_full, slots
-- ARGV: 1 limit, 2 now (as RQ writes it). Answer: 1 if there is more to do.
local limit, now_text = unpack(ARGV)

local MAX_SLOTS = 1000 -- that one call looks at

if not is_whole(limit) then return end
for _, id in ipairs(redis.call('ZRANGE', slots_key(limit), 0, MAX_SLOTS - 1)) do free_slot(id, limit, now_text) end
if fill_slots(limit, now_text) then return 1 end
if redis.call('EXISTS', slots_key(limit), slot_waiters_key(limit)) == 0 then
  redis.call('SREM', RATE_LIMITS, limit)
  redis.call('DEL', limit_key(limit))
end
