-- `is_full`: Redis has no room for more. It has to be asked before the first write (even_when_full.lua says why); the
-- command that asks changes nothing.

local is_full = type(redis.pcall('SETRANGE', NOTHING, 0, '')) == 'table'
