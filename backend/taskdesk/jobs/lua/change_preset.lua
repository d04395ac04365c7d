-- Save a preset of a task, or delete it.
-- ARGV: 1 the task, 2 the name, 3 the preset ("<owner>\n<JSON>"; empty: delete it), 4 the owner that a preset of this
--       name has to have (empty: any), 5 how many presets a task may have.
-- Answer: a word (presets.py), and the owner of the preset that was there.
local task, name, preset, by, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])

local key = presets_key(task)
local old = redis.call('HGET', key, name)
local owner = string.match(old or '', '^[^\n]*')
if old and by ~= '' and owner ~= by then return {PRESET_OF_ANOTHER, owner} end
if preset == '' then return {redis.call('HDEL', key, name) == 1 and PRESET_CHANGED or PRESET_MISSING, owner} end
if not old and redis.call('HLEN', key) >= most then return {PRESETS_FULL, owner} end
redis.call('HSET', key, name, preset)
return {PRESET_CHANGED, owner}
