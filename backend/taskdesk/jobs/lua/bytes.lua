-- How much of Redis's memory the jobs of each owner take. Jobs without an owner cost nothing here.
--
-- taskdesk:bytes   hash: owner to bytes. A submit adds to it, a deletion takes from it; what expires, results and logs
--                  are in it when a worker has swept, and counted all jobs anew (owners.lua).

local BYTES = 'taskdesk:bytes'
local INDEXED_BYTES = 600 -- of a job in the indexes, and in its queue or registry

local function size_of(id)
  local size = INDEXED_BYTES
  for _, key in ipairs({'rq:job:' .. id, 'rq:results:' .. id, 'taskdesk:log:' .. id}) do
    local bytes = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 0) -- who has no right to it has no share here
    if type(bytes) == 'number' then size = size + bytes end
  end
  return size
end
