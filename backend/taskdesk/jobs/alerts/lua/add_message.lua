-- Put a message on its way to a channel.
--- @include even_when_full, outgoing
-- ARGV: 1 id, 2 channel, 3 message (JSON).
local id, channel, message = unpack(ARGV)

add_message(id, channel, message)
