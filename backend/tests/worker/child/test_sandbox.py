"""Changes of a job to its process are undone before the next job."""

from __future__ import annotations

import os

from taskdesk.jobs.joblog import read_log
from taskdesk.worker.child.sandbox import Sandbox


def test_what_a_job_changes_in_its_process_is_undone(run, jobs, redis):
    messy, job = run(("makes_a_mess", {}), ("lives_on", {}))

    assert (messy.status, jobs.result(job)) == ("succeeded", f"True {os.getcwd()}")
    assert read_log(redis, job.id).text == "printed\nWARNING library: logged\n"


def test_a_job_that_has_made_its_folder_unusable_succeeds_and_so_does_the_next(run):
    assert [job.status for job in run(("spoils_its_folder", {}), ("lives_on", {}))] == ["succeeded"] * 2


def test_the_temporary_folder_is_empty_for_each_job(results):
    assert results(*[("leaves_a_file", {})] * 3) == [[], [], []]


def test_the_removal_of_many_files_shows_life(tmp_path, signs, show_life):
    sandbox = Sandbox.__new__(Sandbox)  # whose making changes the whole process
    sandbox._folder, sandbox._show_life = str(tmp_path), show_life
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for number in range(50):
        (tmp_path / "deep" / "er" / str(number)).touch()

    sandbox._empty_folder()

    assert len(signs) > 50
    assert list(tmp_path.iterdir()) == []
