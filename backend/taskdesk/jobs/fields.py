"""Our own fields in RQ's hashes. They appear, expire and vanish with the hash; RQ ignores them."""

from __future__ import annotations

# In the hash of a job
TASK = "td_task"  # the name of its task
TAGS = "td_tags"  # with spaces between
OWNER = "td_owner"  # the user who submitted it
REQUEST = "td_request"  # id of the request that submitted it; the worker's log also names it
WEBHOOK = "td_webhook"  # the URL that hears of its end
RETRY_OF = "td_retry_of"  # id of the job that it repeats
RETRIED_AS = "td_retried_as"  # id of the last job that repeats it
CAUSE = "td_cause"  # id of the cause that its failure was counted under (cause.py)
NUMBER = "td_seq"  # its place in the order of submitting: the score in the indexes
PLAIN = "td_plain"  # there if RQ's own code has submitted it, and not our web or command line
SECRETS = "td_secrets"  # the parameters whose values no page and no answer shows, with spaces between
DEFAULTS = "td_defaults"  # JSON: the values of parameters that the submit left out, by the task as it was then
UPLOADS = "td_uploads"  # the parameters whose values in its arguments are files, or lists of files, with spaces between
KEPT = "td_kept"  # there if it never expires
PROGRESS = "td_progress"  # JSON: current, total, message
LOG_TIMES = "td_log_times"  # when its log was printed: "<position>:<Unix seconds>", with spaces between (log_times.py)
RESULT_KINDS = "td_result"  # JSON: the kind of each part of the result, which itself is in RQ's stream of results
RESULT_STAMP = "td_stamp"  # of a large result: bytes of its JSON, their CRC-32, and the `ended_at` that it belongs to
RESULT_PREVIEW = "td_preview"  # JSON: what pages and lists show of a large result (previews.py)
ERROR = "td_error"  # JSON: type, title, detail; frame and line, if code of the author has raised it
ATTEMPTS = "td_attempts"  # JSON: the attempts before the last one
LOSSES = "td_losses"  # how many workers died while they ran it
STOP = "td_stop"  # there if it was asked to stop while it was running: every end of the job obeys it
CHECKPOINT = "td_checkpoint"  # what its last attempt has done: execution, number, repetition, JSON (lua/checkpoint.lua)
RESUMED = "td_resumed"  # JSON: where this attempt goes on, as in checkpoints.Place
FOREIGN = "td_foreign"  # JSON: why it was handed back, and what it needs; lua/hand_back.lua writes it

# In the record of a worker
EXECUTION = "td_execution"  # the execution of its `current_job`
PREFETCHED = "td_next"  # "<job>:<execution>" that is reserved before the current job ends
SHOWN = "td_shown"  # the execution whose record was shown to RQ's tools
NEWS = "td_news"  # the number of the last heartbeat whose counts were added
MEMORY = "td_memory"  # bytes that its child holds
GROUP = "td_group"  # its WORKER_GROUP
TASKDESK_VERSION = "td_version"  # the version of Taskdesk that it runs
