-- Index jobs by their owner: those that an earlier version has submitted are not.
-- ARGV: ids, each after its number.

for i = 1, #ARGV, 2 do
  local owner = redis.call('HGET', 'rq:job:' .. ARGV[i + 1], 'td_owner')
  if owner then
    redis.call('ZADD', owner_key(owner), ARGV[i], ARGV[i + 1])
    redis.call('SADD', NAMED, owner_key(owner))
  end
end
