"""The output of a task in the worker's own output."""

from __future__ import annotations

import json
import re

import pytest

from taskdesk.jobs.job import Retention
from taskdesk.jobs.joblog import read_log
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded

FORGED = '{"event": "nothing happened"}\x1b[2J'


@pytest.fixture
def printed(redis, jobs, registry, worker_settings, tmp_path, capfd):
    """Run a job that prints the forged line, with these settings: the worker's output, and the job's id."""

    def printed(**settings):
        (tmp_path / "end").touch()
        arguments = {"text": FORGED, "folder": str(tmp_path)}
        job_id = jobs.submit(registry.catalog.tasks["repeats"], arguments, Retention(100, 200)).id
        TaskWorker(worker_settings.model_copy(update=settings), preloaded(registry), redis).work(burst=True)
        assert read_log(redis, job_id).text == FORGED.removesuffix("\x1b[2J") + "\n"
        return capfd.readouterr().out, job_id

    return printed


@pytest.mark.slow
def test_in_prod_it_is_a_line_of_the_log_that_names_the_job(printed):
    output, job_id = printed(env="prod")

    [line] = [json.loads(line) for line in output.splitlines() if "nothing happened" in line]
    assert (line["logger"], line["event"], line["job_id"]) == ("output", FORGED, job_id)


@pytest.mark.slow
def test_in_dev_it_stays_as_it_is_but_for_what_controls_a_terminal(printed):
    output, _ = printed(env="dev")

    assert re.search(r'^\{"event": "nothing happened"\}\\x1b\[2J$', output, re.MULTILINE)
    assert "\x1b" not in output
