"""Send deliveries (jobs/deliveries.py): one process beside the worker processes, with some threads."""
