"""The worker: supervisors that keep their place in Redis, and the children that run the jobs."""
