"""Errors about schedules that a user may see."""

from __future__ import annotations

from taskdesk.service.errors import AppError


class ScheduleNotFound(AppError):
    """Unknown schedule: it never existed, or it was deleted."""

    status = 404

    def __init__(self, schedule_id: str):
        super().__init__(f"No schedule {schedule_id!r:.100}.")


class ScheduleExists(AppError):
    """Schedule exists: another one has this id."""

    status = 409

    def __init__(self, schedule_id: str):
        super().__init__(f"There is a schedule {schedule_id!r}. Choose another id, or change that one.")


class TooManySchedules(AppError):
    """Too many schedules: no more can be made."""

    status = 409

    def __init__(self, most: int):
        super().__init__(f"There are {most:,} schedules already, and there may be no more. Delete some first.")


class ScheduleChanged(AppError):
    """Schedule changed: somebody else has changed it at the same time."""

    status = 409

    def __init__(self, schedule_id: str):
        super().__init__(f"Schedule {schedule_id} was changed by somebody else just now. Look at it, and try again.")


class ScheduleInCode(AppError):
    """Schedule in code: it stands in the code of its task, where it can be changed."""

    status = 409

    def __init__(self, schedule_id: str, task: str):
        super().__init__(
            f"Schedule {schedule_id} stands in the code of the task {task}. Change it there; here it can be paused and "
            "run."
        )


class UnreadableSchedule(AppError):
    """Unreadable schedule: what Redis has of it is damaged."""

    status = 409

    def __init__(self, schedule_id: str):
        super().__init__(f"Schedule {schedule_id} is damaged in Redis. It can only be deleted.")
