"""Every key of jobs, queues and workers in Redis, for Python and, by prelude.py, for the scripts.

RQ's own keys (`rq:job:<id>`, `rq:queue:<name>`, registries, results) keep RQ's names and meaning.
"""

from __future__ import annotations

import hashlib

from taskdesk.service.key_prefix import KEY_PREFIX, RQ_KEY_PREFIX

JOBS = f"{KEY_PREFIX}:jobs"  # sorted set: job ids by number, so newest first is a range from the end
SEQUENCE = f"{KEY_PREFIX}:sequence"  # counter: the number of the job that was submitted last
INDEXES = f"{KEY_PREFIX}:indexes"  # set: the keys of the indexes by task, tag and owner
UNLISTED = f"{KEY_PREFIX}:unlisted"  # list: jobs of plain RQ programs that moved before they were indexed
INTAKE = f"{KEY_PREFIX}:intake"  # hash: how far each place was looked through for such jobs (lua/look.lua)
INTAKE_LOCK = f"{KEY_PREFIX}:intake:lock"  # string: there while nobody has to look again
EXPIRED = f"{KEY_PREFIX}:expired"  # sorted set: ids of removed jobs by when they were found gone (Unix seconds)
CAUSES = f"{KEY_PREFIX}:causes"  # sorted set: ids of causes of failures by when each was seen last (Unix seconds)
UNCOUNTED = f"{KEY_PREFIX}:causes:uncounted"  # list: failed jobs that were not counted under a cause yet
BYTES = f"{KEY_PREFIX}:bytes"  # hash: bytes that the jobs of an owner take, about (lua/bytes.lua)
LATEST_CATALOG = f"{KEY_PREFIX}:catalog"  # string: hash of the catalog that was announced last
GROUPS = f"{KEY_PREFIX}:groups"  # sorted set: names of worker groups by when each was announced last (Unix seconds)
WORKERS = f"{KEY_PREFIX}:workers"  # sorted set: workers by their last heartbeat (Unix seconds, by Redis's clock)
LOST_WORKERS = f"{KEY_PREFIX}:workers:lost"  # sorted set: "<name> <host> <process>" by when it was found lost (Unix)
ALERTS = f"{KEY_PREFIX}:alerts"  # hash: what fires (alerts/store.py)
ALERTS_LOCK = f"{KEY_PREFIX}:alerts:lock"  # string: there while nobody has to evaluate the rules again
ALERTS_RULES = f"{KEY_PREFIX}:alerts:rules"  # hash: name → a rule that was made on the desk, as JSON
ALERTS_SILENCES = f"{KEY_PREFIX}:alerts:silences"  # hash: name of a rule → until when it is silenced, as JSON
ALERTS_CHANNELS = f"{KEY_PREFIX}:alerts:channels"  # sorted set: channels with messages by when the first is due (Unix)
ALERTS_COUNTS = f"{KEY_PREFIX}:alerts:counts"  # hash: "<channel> <sent or failed>" → messages
ALERTS_LOG = f"{KEY_PREFIX}:alerts:log"  # list: ids of the last messages, the newest first
PAUSED = f"{KEY_PREFIX}:paused"  # set: names of the queues that are paused
PARENTS = f"{KEY_PREFIX}:parents"  # set: ids of failed jobs whose dependents have to hear of it
SWEEP_OBJECTS_LOCK = (
    f"{KEY_PREFIX}:sweep:objects"  # string: there while a worker looks for objects of jobs that are gone
)
SWEEP_LOCK = f"{KEY_PREFIX}:sweep"  # string: there while a worker removes what has expired
LAST_TAKEOVER = f"{KEY_PREFIX}:sweep:last"  # string: when a worker last looked for lost workers (Unix seconds)
TAKEOVER_GRACE = f"{KEY_PREFIX}:sweep:grace"  # string: there while workers may still send their first heartbeat
WEBHOOK_JOBS = f"{KEY_PREFIX}:webhooks:jobs"  # set: ids of jobs with a webhook whose end is not noted yet
ENDED = f"{KEY_PREFIX}:webhooks:ended"  # list: ends of such jobs that have no delivery yet (lua/webhook.lua)
ENDED_LOCK = f"{KEY_PREFIX}:webhooks:lock"  # string: there while a deliverer makes deliveries of these
SWITCHED_OFF = f"{KEY_PREFIX}:webhooks:off"  # sorted set: URLs that answered 410, by when (Unix seconds)
DELIVERIES = f"{KEY_PREFIX}:deliveries"  # sorted set: ids of waiting deliveries by when they were made (Unix seconds)
DELIVERY_COUNTS = f"{KEY_PREFIX}:deliveries:counts"  # hash: how many were delivered, and how many failed
RECEIVERS = f"{KEY_PREFIX}:receivers"  # sorted set: receivers with deliveries by when they have their next turn
WAKE = f"{KEY_PREFIX}:wake"  # channel: ids of jobs that have news, with spaces between
REPLICATION = f"{RQ_KEY_PREFIX}:pubsub:replication"  # channel that nobody reads: a message in it only goes to replicas
SCHEDULES = f"{KEY_PREFIX}:schedules"  # sorted set: ids of schedules by when they are due (Unix seconds; inf: never)
SCHEDULES_LOCK = f"{KEY_PREFIX}:schedules:lock"  # string: the process that handles the schedules that are due
TROUBLED_SCHEDULES = f"{KEY_PREFIX}:schedules:troubled"  # sorted set: ids by the slot that did not run (Unix seconds)
CODE_SCHEDULES = f"{KEY_PREFIX}:schedules:code"  # hash: digests of the schedules that tasks declare, by task
NOTHING = f"{KEY_PREFIX}:nothing"  # never there: to make Redis look at its memory

RQ_QUEUES = f"{RQ_KEY_PREFIX}:queues"  # set: the keys of RQ's queues
RQ_WORKERS = f"{RQ_KEY_PREFIX}:workers"  # set: the keys of RQ's workers
RATE_LIMITS = f"{RQ_KEY_PREFIX}:rl-keys"  # set: the names of RQ's limits
RQ_SCHEDULER_JOBS = f"{RQ_KEY_PREFIX}:scheduler:scheduled_jobs"  # sorted set of the package rq-scheduler: ids by time
RQ_CRON_SCHEDULERS = f"{RQ_KEY_PREFIX}:cron_schedulers"  # sorted set: the names of running `rq cron`
RQ_SUSPENDED = f"{RQ_KEY_PREFIX}:suspended"  # string: there while `rq suspend` holds all workers
WIP = "wip"  # RQ's registry of the jobs that are running
READY = "ready"  # RQ's registry of the jobs whose dependencies are met and that have not been queued yet

LEASE_SECONDS = 30  # without a heartbeat, after which a worker counts as lost


def job_key(job_id: str) -> str:
    """Hash: see job_hash.py."""
    return f"{RQ_KEY_PREFIX}:job:{job_id}"


def dependents_key(job_id: str) -> str:
    """Set: ids of the jobs that wait for this one."""
    return f"{RQ_KEY_PREFIX}:job:{job_id}:dependents"


def dependencies_key(job_id: str) -> str:
    """Set: ids of the jobs that this one waits for."""
    return f"{RQ_KEY_PREFIX}:job::{job_id}:dependencies"


def results_key(job_id: str) -> str:
    return f"{RQ_KEY_PREFIX}:results:{job_id}"


def executions_key(job_id: str) -> str:
    """Sorted set: the executions of a running job by when RQ forgets them."""
    return f"{RQ_KEY_PREFIX}:executions:{job_id}"


def execution_key(job_id: str, execution: str) -> str:
    return f"{RQ_KEY_PREFIX}:execution:{job_id}:{execution}"


def events_key(job_id: str) -> str:
    return f"{KEY_PREFIX}:events:{job_id}"


def log_key(job_id: str) -> str:
    return f"{KEY_PREFIX}:log:{job_id}"


def queue_key(queue: str) -> str:
    """List: ids of the jobs that wait."""
    return f"{RQ_KEY_PREFIX}:queue:{queue}"


def registry_key(registry: str, queue: str) -> str:
    """Sorted set by Unix seconds: job ids of `scheduled` by when they are due, of `finished` and `failed` by when they
    expire, of `canceled` by their end, of `deferred`; of `wip` job and execution, by when their worker counts as lost.
    """
    return f"{RQ_KEY_PREFIX}:{registry}:{queue}"


def limit_key(limit: str) -> str:
    """Hash: `concurrency`, how many jobs of RQ's limit may be queued or running at the same time."""
    return f"{RQ_KEY_PREFIX}:rl:{limit}"


def slots_key(limit: str) -> str:
    """Sorted set: ids of the jobs that are queued or running, by when they were queued (Unix seconds)."""
    return f"{RQ_KEY_PREFIX}:rl:{limit}:allowed"


def slot_waiters_key(limit: str) -> str:
    """Sorted set: ids of the jobs that wait for a slot, by when they began to wait (Unix seconds)."""
    return f"{RQ_KEY_PREFIX}:rl:{limit}:rate_limited"


def scheduler_lock_key(queue: str) -> str:
    """String: the worker whose scheduler serves the queue."""
    return f"{RQ_KEY_PREFIX}:scheduler-lock:{queue}"


def queue_workers_key(queue: str) -> str:
    """Set: the keys of RQ's workers that serve the queue."""
    return f"{RQ_KEY_PREFIX}:workers:{queue}"


def lookouts_key(queues: str) -> str:
    """Sorted set: the idle workers that watch these queues, by the end of their lease (worker/child/lookout.py)."""
    return f"{KEY_PREFIX}:lookouts:{queues}"


def tokens_key(queues: str) -> str:
    """List: a token for each idle worker that is to look for a job or take a place (worker/child/lookout.py)."""
    return f"{KEY_PREFIX}:lookouts:{queues}:tokens"


def ended_key(queue: str) -> str:
    """Hash: how many jobs ended in each minute of the last hour (throughput.py)."""
    return f"{KEY_PREFIX}:ended:{queue}"


def foreign_key(queue: str) -> str:
    """Sorted set: the jobs that were handed back because their worker does not serve them (lua/index.lua)."""
    return f"{KEY_PREFIX}:foreign:{queue}"


def delivery_key(delivery_id: str) -> str:
    """Hash: see deliveries.py."""
    return f"{KEY_PREFIX}:delivery:{delivery_id}"


def ordered_key(order: str) -> str:
    """List: ids of the deliveries that are sent in order, such as all of one job; the last ones, oldest first."""
    return f"{KEY_PREFIX}:deliveries:of:{order}"


def lane_key(receiver: str) -> str:
    """Sorted set: ids of the deliveries to this receiver by when they are due, or by the end of a lease."""
    return f"{KEY_PREFIX}:lane:{receiver}"


def sending_key(receiver: str) -> str:
    """Sorted set: ids of the deliveries that are being sent to this receiver, by the end of their lease."""
    return f"{KEY_PREFIX}:sending:{receiver}"


def receiver_key(receiver: str) -> str:
    """Hash: how the last attempts went (lua/receiver.lua)."""
    return f"{KEY_PREFIX}:receiver:{receiver}"


def alert_message_key(message_id: str) -> str:
    """Hash: see alerts/outbox.py."""
    return f"{KEY_PREFIX}:alerts:message:{message_id}"


def alert_lane_key(channel: str) -> str:
    """List: ids of the messages that wait for this channel, the oldest first."""
    return f"{KEY_PREFIX}:alerts:lane:{channel}"


def worker_key(name: str) -> str:
    return f"{RQ_KEY_PREFIX}:worker:{name}"


def rq_cron_scheduler_key(name: str) -> str:
    """Hash: `cron_jobs` describes the schedules of an `rq cron` (JSON)."""
    return f"{RQ_KEY_PREFIX}:cron_scheduler:{name}"


def stopped_callbacks_key(worker: str) -> str:
    """List: ids of jobs whose `on_stopped` the next process of this worker calls."""
    return f"{KEY_PREFIX}:stopped-callbacks:{worker}"


def worker_executions_key(worker: str) -> str:
    """Set: "<job>:<execution>" of what the worker is running, since RQ 3."""
    return f"{RQ_KEY_PREFIX}:worker:{worker}:executions"


def commands_key(worker: str) -> str:
    """Channel: RQ's commands to a worker."""
    return f"{RQ_KEY_PREFIX}:pubsub:{worker}"


def catalog_key(digest: str) -> str:
    return f"{KEY_PREFIX}:catalog:{digest}"


def presets_key(task: str) -> str:
    """Hash: name → a preset of the task (presets.py)."""
    return f"{KEY_PREFIX}:presets:{task}"


def statistics_key(task: str) -> str:
    return f"{KEY_PREFIX}:statistics:{task}"


def series_key(subject: str, step_seconds: int, step: int) -> str:
    """Hash: the counts of a step (series.py)."""
    return f"{KEY_PREFIX}:series:{step_seconds}:{step}:{subject}"


def run_times_key(task: str) -> str:
    return f"{KEY_PREFIX}:run-times:{task}"


def outcomes_key(task: str) -> str:
    return f"{KEY_PREFIX}:outcomes:{task}"


def schedule_key(schedule: str) -> str:
    """Hash: see schedules/schedule.py."""
    return f"{KEY_PREFIX}:schedule:{schedule}"


def schedule_slots_key(schedule: str) -> str:
    """List: the last slots, newest first: "<Unix time>", and why it was skipped."""
    return f"{KEY_PREFIX}:schedule:{schedule}:slots"


def group_key(group: str) -> str:
    """String: what a worker group serves, as JSON (groups.py)."""
    return f"{KEY_PREFIX}:group:{group}"


def index_key(queue: str, status: str) -> str:
    return f"{KEY_PREFIX}:jobs:{queue}:{status}"


def task_key(task: str) -> str:
    return f"{KEY_PREFIX}:task:{task}"


def tag_key(tag: str) -> str:
    return f"{KEY_PREFIX}:tag:{tag}"


def owner_key(owner: str) -> str:
    return f"{KEY_PREFIX}:owner:{owner}"


def cause_key(cause: str) -> str:
    """Hash: see cause.py."""
    return f"{KEY_PREFIX}:cause:{cause}"


def cause_jobs_key(cause: str) -> str:
    """Sorted set: the failed jobs of a cause that nobody has retried, by number, as in the other indexes."""
    return f"{KEY_PREFIX}:cause-jobs:{cause}"


def idempotency_key(key: str, owner: str = "") -> str:
    """Return where a client's idempotency key is kept: hashed, as it may be long."""
    text = f"{owner}\n{key}" if owner else key
    return f"{KEY_PREFIX}:once:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
