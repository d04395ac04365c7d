"""The errors that a `Desk` raises, as the API answers them: each has a sentence, a `title` and an HTTP `status`."""

from taskdesk.jobs.errors import (
    DiskFull,
    FieldError,
    IdempotencyKeyReused,
    IdempotentJobGone,
    InvalidArguments,
    JobExpired,
    JobNotFound,
    NoResult,
    OwnerFull,
    QueueFull,
    ResultGone,
    StoreUnavailable,
    TaskNotFound,
    UnreadableJob,
    UnreadableResult,
)
from taskdesk.service.errors import AppError, NoRoom, RedisAway, RedisFull, SettingsError

__all__ = [
    "AppError",
    "DiskFull",
    "FieldError",
    "IdempotencyKeyReused",
    "IdempotentJobGone",
    "InvalidArguments",
    "JobExpired",
    "JobNotFound",
    "NoResult",
    "NoRoom",
    "OwnerFull",
    "QueueFull",
    "RedisAway",
    "RedisFull",
    "ResultGone",
    "SettingsError",
    "StoreUnavailable",
    "TaskNotFound",
    "UnreadableJob",
    "UnreadableResult",
]
