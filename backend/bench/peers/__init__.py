"""The other libraries, one small module each, with `count` and `arrive` as its tasks and a way to submit a job.

They run in an environment of their own (requirements/bench.txt). Every library keeps the results of its jobs, and uses
its defaults where its module sets nothing.
"""
