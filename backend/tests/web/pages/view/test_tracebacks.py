"""A traceback shows the frames of the task, and folds those of Taskdesk and of libraries."""

from __future__ import annotations

from taskdesk.web.pages.view.tracebacks import Stretch, stretches

HEAD = "Traceback (most recent call last):\n"
END = "ValueError: no\n"


def frame(path: str) -> str:
    return f'  File "{path}", line 3, in run\n    run()\n    ~~~^^\n'


OURS = frame("/srv/taskdesk/worker/child/task_runner.py")
OWN = frame("/home/ada/tasks/models.py")
PANDAS = frame("/venv/lib/python3.12/site-packages/pandas/io/parsers.py")
JSON = frame("/usr/lib/python3.12/json/decoder.py")


def test_frames_of_others_are_folded_and_named_by_where_they_come_from():
    assert stretches(HEAD + OURS + OURS + OWN + PANDAS + JSON + END) == [
        Stretch(HEAD),
        Stretch(OURS + OURS, "2 frames of Taskdesk"),
        Stretch(OWN),
        Stretch(PANDAS + JSON, "2 frames of pandas, json"),
        Stretch(END),
    ]


def test_nothing_is_folded_where_no_frame_is_of_the_task():
    assert stretches(HEAD + OURS + PANDAS + END) == [Stretch(HEAD + OURS + PANDAS + END)]


def test_nothing_is_lost():
    for text in (HEAD + OWN + JSON + OWN + END, END, "", HEAD + frame("<frozen importlib>") + OWN + "a\n\nb"):
        assert "".join(part.text for part in stretches(text)) == text


def test_a_folder_of_tasks_called_taskdesk_is_not_ours():
    own = frame("/home/ada/taskdesk/reports.py")

    assert stretches(HEAD + own + END) == [Stretch(HEAD + own + END)]
