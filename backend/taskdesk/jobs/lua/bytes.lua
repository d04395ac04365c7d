-- The memory of Redis that the jobs of each owner take, in the hash at BYTES. Jobs without an owner do not count.
--
-- A submit adds to it and a deletion subtracts. Results, logs and jobs that expired are counted when a worker sweeps: it
-- measures all jobs anew (owners.lua).

local INDEXED_BYTES = 600 -- of a job in the indexes, and in its queue or registry

local function size_of(id)
  local size = INDEXED_BYTES
  for _, key in ipairs({job_key(id), results_key(id), log_key(id)}) do
    local bytes = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 0) -- a Redis user without the right counts nothing
    if type(bytes) == 'number' then size = size + bytes end
  end
  return size
end
