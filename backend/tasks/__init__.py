"""The tasks: every public function that a file of this package defines becomes a form, an API route and a job.

A task's name is its function's name, and `tasks.simple_task` is the function, whichever file defines it.
"""

from taskdesk import task_lookup

__getattr__ = task_lookup(__name__)
