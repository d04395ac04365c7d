"""The option of an action on a page: its field, and its value. In the form it has the name that the API gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskdesk.jobs.action import Action
from taskdesk.jobs.desk import Desk
from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.value_types import with_zone
from taskdesk.web.pages.view.fields import FormField


def option_field(action: Action, desk: Desk, given: str = "", error: str = "") -> FormField:
    """Return the field of an action that has an option, with the text `given` in it."""
    assert action.option
    name, texts = action.option.name, [given] if given else []
    if name == "queue":
        options = {queue: queue for queue in desk.queues.names}
        return FormField(name, action.option.label, "select", texts, options=options, error=error)
    return FormField(name, action.option.label, "datetime", texts, error=error, required=True)


def read_option(action: Action, desk: Desk, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of the option by its name; nothing if the action has none. Raises InvalidArguments.

    A time without a zone is in UTC.
    """
    if not action.option:
        return {}
    text = form.get(action.option.name, "")
    return {action.option.name: action.option.read(desk, with_zone(text))}


def problem_of(error: InvalidArguments) -> str:
    return error.errors[0].detail
