"""Types of options: times and durations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from taskdesk.jobs.parsing import read_duration, read_moment


class Moment(click.ParamType[datetime]):
    """A time, such as 2026-12-01T08:00Z."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return read_moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[timedelta]):
    """A duration, such as 90s, 10m, 1h or 3d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return read_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
