-- The newest entries of indexes, and all members of other sorted sets, as they are at one moment.
-- Not in MULTI: a Redis that is full refuses whatever is queued there, even what only reads.
-- ARGV: the score to begin below; how many entries of each index; how many keys of indexes follow; all keys.
-- Answer: for each index members and scores in turn, for each other set its members.

local answer = {}
for n = 4, #ARGV do
  if n < 4 + ARGV[3] then
    answer[#answer + 1] = redis.call('ZREVRANGEBYSCORE', ARGV[n], ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  else
    answer[#answer + 1] = redis.call('ZRANGE', ARGV[n], 0, -1)
  end
end
return answer
