-- Read the newest entries of indexes, and all members of other sorted sets, at one moment.
--
-- A script, as a full Redis refuses every command in MULTI, even one that only reads.
-- ARGV: 1 the score to begin below, 2 how many entries of each index, 3 how many of the keys are indexes, 4… keys.
-- Answer: for each index members and scores in turn, for each other set its members.
local below, count, indexes, keys = ARGV[1], ARGV[2], tonumber(ARGV[3]), {unpack(ARGV, 4)}

local answer = {}
for n, key in ipairs(keys) do
  if n <= indexes then
    answer[n] = redis.call('ZREVRANGEBYSCORE', key, below, '-inf', 'WITHSCORES', 'LIMIT', 0, count)
  else
    answer[n] = redis.call('ZRANGE', key, 0, -1)
  end
end
return answer
