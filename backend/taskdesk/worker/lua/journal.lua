-- The journal of a worker: the values of jobs that have succeeded, as its child writes them before it begins the next job.
-- Entries whose execution has ended since are left alone by whoever reads them.
--- @include succeed

-- End the jobs in the journal. Return the executions in it, and the values of the jobs that RQ's own code has to end.
local function end_journal(worker_name, clock)
  local text = redis.pcall('GET', journal_key(worker_name))
  local values, executions, left, from = {}, {}, {}, 1
  while type(text) == 'string' do
    local _, last, size = string.find(text, '^%$(%d+)\r\n', from)
    if not last or last + size > #text then break end -- somebody has damaged it
    values[#values + 1] = string.sub(text, last + 1, last + size)
    from = last + size + 3
  end
  local shown = #values > 0 and redis.call('HGET', worker_key(worker_name), SHOWN)
  for place = 1, #values - SUCCESS_VALUES + 1, SUCCESS_VALUES do
    executions[values[place + 1]] = true
    if succeed(values, place, worker_name, clock, shown) == PREVIOUS_NEEDS_RQ then
      for n = 0, SUCCESS_VALUES - 1 do left[#left + 1] = values[place + n] end
    end
  end
  return executions, left
end
