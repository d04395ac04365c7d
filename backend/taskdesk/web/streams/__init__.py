"""Server-sent events: news of jobs, from Redis to every client that watches."""
