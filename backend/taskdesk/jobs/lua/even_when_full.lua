-- Let the script that includes this write although Redis is full: it frees memory, or ends what is there already.
--
-- Redis checks its memory when a script first calls a command that may allocate. It checks no more once the script has
-- called one that writes without allocating, even if that changed nothing (SCRIPT_WRITE_DIRTY in its source;
-- lua_write_dirty in 6.2). The flag `allow-oom` does the same, but Redis 6.2 does not know it.

redis.call('DEL', NOTHING)
