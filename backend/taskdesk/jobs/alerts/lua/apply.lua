-- Change what fires, and put the messages about it on their way, in one step: so no message is lost, and if two evaluators
-- see the same, only one of them notifies.
--- @include even_when_full, outgoing
-- ARGV: 1 the version of ALERTS that the changes are made from, 2 Unix time, 3 the changes (JSON): `set` and `forget`,
--       fields of ALERTS; `send`, a list of {id, channel, message (JSON)}.
-- Answer: 1, or 0 if another evaluator was faster.
local version, evaluated, changes = ARGV[1], ARGV[2], cjson.decode(ARGV[3])

if (redis.call('HGET', ALERTS, 'version') or '0') ~= version then return 0 end
redis.call('HINCRBY', ALERTS, 'version', 1)
redis.call('HSET', ALERTS, 'evaluated', evaluated)
for field, value in pairs(changes.set) do redis.call('HSET', ALERTS, field, value) end
for _, field in ipairs(changes.forget) do redis.call('HDEL', ALERTS, field) end
for _, message in ipairs(changes.send) do add_message(message[1], message[2], message[3]) end
redis.call('EXPIRE', ALERTS, ALERTS_TTL_SECONDS)
return 1
