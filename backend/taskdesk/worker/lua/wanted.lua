-- Visit each task that handed-back jobs of a queue want, once. `visit` gets it, and ends the walk by returning true.

local MAX_WANTED = 100

local function walk_wanted(queue, visit)
  local from, seen = '-', 0
  while seen < MAX_WANTED do
    local entry = redis.call('ZRANGEBYLEX', foreign_key(queue), from, '+', 'LIMIT', 0, 1)[1]
    if not entry then return end
    local wanted = string.match(entry, '^%S+')
    if visit(wanted) then return true end
    from, seen = '(' .. wanted .. '!', seen + 1 -- "!" follows the space in ASCII
  end
end
