"""The other libraries, one small module each: `count` and `arrive` as its tasks, and how a job is submitted.

They run in an environment of their own (requirements/bench.txt). Every library keeps the results of its jobs;
what is not set here is its default.
"""
