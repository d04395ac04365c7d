"""Server-Sent Events: news of jobs, from Redis to every client that watches one."""
