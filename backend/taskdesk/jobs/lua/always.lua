-- Let the script that follows write while Redis is full: it makes room, or ends what is there already.
--
-- Redis looks at its memory when a script first calls a command that may take some, and no more once the script has
-- called one that writes without (redis: SCRIPT_WRITE_DIRTY; 6.2: lua_write_dirty), even if it changed nothing. The flag
-- `allow-oom` says the same, but Redis 6.2 does not know it.

redis.call('DEL', 'taskdesk:nothing')
