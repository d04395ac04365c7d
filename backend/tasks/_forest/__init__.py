"""Helpers of `train_model`. The worker looks for tasks in files and folders without an underscore at the start."""
