-- Run one command although Redis is full.
--- @include even_when_full
-- ARGV: the command and its arguments. Answer: that of the command.
local command = ARGV

return redis.call(unpack(command))
