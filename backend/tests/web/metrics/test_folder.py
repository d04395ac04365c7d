"""The metrics of several web processes on one socket are added up."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import Stack, wait_until
from tests.web.metrics.test_metrics import Figures


@pytest.fixture
def processes(redis_url, tmp_path):
    """Two real web processes on one socket."""
    stack = Stack(redis_url, tmp_path, WEB_PROCESSES="2")
    stack.start("server")
    wait_until(stack.answers)
    yield stack
    stack.stop()


def _get(stack: Stack, path: str) -> str:
    with urllib.request.urlopen(stack.url + path, timeout=60) as answer:
        return answer.read().decode()


def _web_pids(stack: Stack) -> set[str]:
    pid = stack.processes["server"].pid
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def _metrics_folders(stack: Stack) -> list[Path]:
    """The folder of their counts, while it exists."""
    return list(Path("/dev/shm").glob(f"taskdesk-metrics-{stack.processes['server'].pid}-*"))


@pytest.mark.slow
def test_the_processes_on_one_socket_are_added_up(processes):
    def answered() -> float:
        figures = Figures(_get(processes, "/metrics"))
        return figures["taskdesk_http_request_seconds_count", "GET", "/healthz", "200"]

    def both_have_counted() -> bool:
        requests.append(_get(processes, "/healthz"))
        counters = {path.stem.rpartition("_")[2] for path in _metrics_folders(processes)[0].glob("histogram_*.db")}
        return _web_pids(processes) <= counters

    before, requests = answered(), []
    wait_until(both_have_counted)

    assert answered() == before + len(requests)


def test_the_disk_has_one_figure_however_many_processes_were_asked(processes):
    for _ in range(10):
        text = _get(processes, "/metrics")

    assert re.findall(r"^(taskdesk_data_\w+)(\{.*\})? ", text, re.MULTILINE) == [
        ("taskdesk_data_free_bytes", ""), ("taskdesk_data_reserve_bytes", ""),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_counts_of_a_process_that_died_stay_and_its_streams_do_not(processes, redis):
    for _ in range(30):
        _get(processes, "/healthz")
    before = Figures(_get(processes, "/metrics"))
    old = _web_pids(processes)
    [folder] = _metrics_folders(processes)

    [counts, *_] = folder.glob("histogram_*.db")  # one of the processes may not have been asked yet
    for pid in old:
        (folder / f"gauge_livesum_{pid}.db").write_bytes(counts.read_bytes())
        os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: len(_web_pids(processes) - old) == 2 and processes.answers())
    after = Figures(_get(processes, "/metrics"))

    series = ("taskdesk_http_request_seconds_count", "GET", "/healthz", "200")
    assert after[series] >= before[series] >= 30
    assert not [path for pid in old for path in folder.glob(f"gauge_livesum_{pid}.db")]


@pytest.mark.slow
def test_nothing_is_left_when_the_web_has_ended(processes):
    assert _metrics_folders(processes)

    processes.stop()

    assert not _metrics_folders(processes)
