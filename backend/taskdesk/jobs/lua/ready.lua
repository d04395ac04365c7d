-- Meet what a submit would meet, and change nothing: a Redis that is full or read-only refuses the write, and a user
-- without the rights the script.
redis.call('SETRANGE', NOTHING, 0, '')
