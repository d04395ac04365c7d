-- Settle one slot of a schedule: create its job or skip it, and move on to the next, in one step. If somebody else has
-- settled the slot or changed the schedule meanwhile, nothing is done: so each slot runs once, whoever fires it.
--- @include create, job
-- ARGV: 1 schedule, 2 its revision and 3 what it had settled, as the caller read them; 4 slot (Unix), empty to create a
--       job now and settle nothing; 5 when the schedule is due again (Unix; "inf": never); 6 the job's id; 7 why the slot
--       is skipped, or empty; 8 details of that; 9 "1" if it is skipped while a job of the schedule has not ended;
--       10… the arguments of create.lua.
-- Answer: {"stale"}; {"full", why there is no room, as in submit.lua}, and nothing is done; {"ran"}; {"skipped", why, details}.
local schedule, revision, settled, slot, due, job, why, detail, waits_for_end = unpack(ARGV, 1, 9)
local job_arguments = {unpack(ARGV, 10)}

local MAX_SLOTS = 30 -- that the schedule remembers
local MAX_OPEN = 10 -- jobs that have not ended

local key = schedule_key(schedule)
local state = redis.call('HMGET', key, 'revision', 'settled', 'jobs')
if state[1] ~= revision or (slot ~= '' and state[2] ~= settled) then return {'stale'} end

local open = {}
for id in string.gmatch(state[3] or '', '%S+') do
  local status = fields_of(id, 'status')[1]
  if status and not FINAL_REGISTRY[status] then open[#open + 1] = id end
end
if why == '' and waits_for_end == '1' and #open > 0 then why, detail = SKIPPED_OVERLAP, open[#open] end
if why == '' then
  local full = create(job_arguments)
  if full then return {'full', full} end
  open[#open + 1] = job
  if #open > MAX_OPEN then table.remove(open, 1) end
end
redis.call('HSET', key, 'jobs', table.concat(open, ' '))
if slot == '' then return {'ran'} end

redis.call('HSET', key, 'settled', slot, 'next', due, 'held', '')
redis.call('ZADD', SCHEDULES, due, schedule)
redis.call('LPUSH', schedule_slots_key(schedule), why == '' and slot or slot .. ' ' .. why .. ' ' .. detail)
redis.call('LTRIM', schedule_slots_key(schedule), 0, MAX_SLOTS - 1)
if why == '' or why == SKIPPED_OVERLAP then
  redis.call('ZREM', TROUBLED_SCHEDULES, schedule)
else
  redis.call('ZADD', TROUBLED_SCHEDULES, slot, schedule)
end
return why == '' and {'ran'} or {'skipped', why, detail}
