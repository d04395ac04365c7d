"""The seconds that a worker may be silent before others take the jobs that it holds."""

from __future__ import annotations

EXECUTION_LEASE_SECONDS = 90  # then RQ's own clean-up takes a job for abandoned, unless a heartbeat renews the lease
RECORD_TTL_SECONDS = 120  # without a heartbeat; then Redis forgets the worker
