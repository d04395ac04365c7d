"""Helpers of `train_model`. The worker looks for tasks in the modules of `tasks`, not in folders below it."""
