-- ARGV: 1 queue of a job that has succeeded.

count_ended(ARGV[1], 'succeeded', 1)
