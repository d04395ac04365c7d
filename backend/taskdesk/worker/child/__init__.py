"""The process that runs jobs, one after another."""
