"""The table of causes of loss, and the docs that explain each of them."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.losses import CAUSES, NOT_SERVED, PROCESS_CRASHED, PROCESS_KILLED, log_text, loss_of
from taskdesk.web.pages.view.hints import hint_for
from tests.conftest import BACKEND

PAGE = (BACKEND.parent / "docs" / "worker.md").read_text()
VALUES = {"number": 11, "signal": "SIGSEGV", "status": 3, "seconds": 60, "reason": "No worker here serves tasks.x."}


def test_the_docs_explain_each_cause_with_its_sentence():
    explained = re.findall(r'^\| <a id="(.+?)"></a>(.+?) \| .+ \|$', PAGE, re.MULTILINE)

    assert explained == [(loss.name, re.sub(r"\{.+?\}", "…", loss.sentence)) for loss in CAUSES]


@pytest.mark.parametrize("loss", CAUSES, ids=lambda loss: loss.name)
def test_an_error_leads_back_to_its_cause(loss):
    error = loss(**VALUES).error

    assert loss_of(error) is loss
    assert hint_for(error) == loss.hint
    assert log_text(error) == f"{error['detail']} See docs/worker.md#{loss.name}."


def test_a_sentence_of_an_earlier_version_has_a_cause_of_the_same_type():
    assert loss_of({"type": "WorkerLost", "title": "Worker lost", "detail": "Its process died."}) is PROCESS_KILLED


def test_an_exception_of_a_task_is_no_loss_though_it_has_the_name_of_one():
    error = {"type": "Timeout", "title": "Timeout", "detail": "The server did not answer."}

    assert loss_of(error) is None
    assert log_text(error) == "The server did not answer."


def test_a_sentence_has_the_values_of_its_job():
    assert "signal 6 (SIGABRT)" in PROCESS_CRASHED(number=6, signal="SIGABRT").sentence
    assert "86,400 s" in NOT_SERVED(seconds=86400, reason="").sentence
