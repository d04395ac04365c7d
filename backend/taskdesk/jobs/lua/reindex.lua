-- Index jobs that RQ's own tools have moved. ARGV: ids, each after a queue under which it stands at the wrong place.

for i = 1, #ARGV, 2 do
  for _, word in ipairs(INDEXED) do redis.call('ZREM', index_key(ARGV[i], word), ARGV[i + 1]) end
  reindex(ARGV[i + 1])
end
