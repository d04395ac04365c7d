"""How fast and how large Taskdesk is, beside other job queues on the same Redis: `make bench` writes RESULTS.md."""
