import sys
import time

from my_module import count_words_at_url
from redis import Redis
from rq import Queue

redis_url, page = sys.argv[1:]
queue = Queue(connection=Redis.from_url(redis_url))

job = queue.enqueue(count_words_at_url, page)
while not job.is_finished:
    time.sleep(0.1)
print(job.return_value())
