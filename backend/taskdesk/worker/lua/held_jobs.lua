-- The jobs that a worker's record names besides the current one: "<job>:<execution>" with spaces between, in the order in
-- which they run.

local function held_jobs(entries)
  local held = {}
  for entry in string.gmatch(entries or '', '%S+') do
    local id, execution = string.match(entry, JOB_AND_EXECUTION)
    if id then held[#held + 1] = {id = id, execution = execution} end
  end
  return held
end
