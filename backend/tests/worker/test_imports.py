"""What an import of a task may do: it harms neither the worker nor the tasks of other files."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path

import pytest

from taskdesk.jobs.catalog_reader import CatalogReader
from taskdesk.jobs.job import Retention
from tests.conftest import BACKEND, Stack, wait_until
from tests.faults.fleet import alive

RETENTION = Retention(result_ttl=100, failure_ttl=200)


@pytest.fixture
def serve(redis, redis_url, tmp_path, jobs):
    """Start a worker with one process on these files of tasks, and wait for its catalog; `run` a job of it."""
    stacks = []

    class Served:
        def __init__(self, stack, workers):
            self.stack = stack
            reader = CatalogReader(redis)
            self.worker, *_ = wait_until(
                lambda: len(found := reader.read(max_age=0).workers) == workers and found, what="the workers are online"
            )
            [self.catalog] = reader.read(max_age=0).catalogs.values()
            self.broken = {one.module.removeprefix("some_tasks."): one.error for one in self.catalog.broken}

        def run(self, name, **arguments):
            job_id = jobs.submit(self.catalog.tasks[name], arguments, RETENTION).id
            job = wait_until(lambda: (job := jobs.get(job_id)).is_final and job, what="the job ends")
            return job.error or jobs.result(job)

        @property
        def pid(self):
            return int(redis.hget(f"rq:worker:{self.worker.name}", "pid"))

    def serve(workers: int = 1, **files: str) -> Served:
        package = tmp_path / "some_tasks"
        package.mkdir(exist_ok=True)
        for name, source in {"__init__": "", "good": "def works() -> str:\n    return 'worked'\n", **files}.items():
            (package / f"{name}.py").write_text(textwrap.dedent(source))
        path = os.pathsep.join([str(tmp_path), str(BACKEND)])
        stack = Stack(redis_url, tmp_path, TASKS="some_tasks", WORKERS=str(workers), STOP_GRACE="1", PYTHONPATH=path)
        stacks.append(stack)
        stack.start("worker")
        return Served(stack, workers)

    yield serve
    for stack in stacks:
        stack.stop()


ENDS = {
    "import os; os._exit(3)": "its import ended the process with exit status 3",
    "import os; os._exit(0)": "its import ended the process with exit status 0",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": "its import ended the process by signal 11 (SIGSEGV)",
    "import ctypes; ctypes.string_at(0)": "its import ended the process by signal 11 (SIGSEGV)",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "its import ended the process by signal 9 (SIGKILL)",
    "import os; os.execvp('sleep', ['sleep', '60'])": "its import closed all files of the process, or started another",
    "import os; os.closerange(0, 256)": "its import closed all files of the process",
    "import sys; sys.exit('usage: …')": "SystemExit: usage: …",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
}


@pytest.mark.slow
def test_the_files_whose_import_ends_the_process_are_broken_and_the_others_work(serve):
    """All at once: each has its own file."""
    files = {f"bad{number}": source for number, source in enumerate(ENDS)}

    served = serve(**files)

    assert served.broken.keys() == files.keys()
    for (_, sentence), name in zip(ENDS.items(), files, strict=True):
        assert sentence in served.broken[name]
    assert served.run("works") == "worked"


def test_a_file_whose_import_ends_the_process_is_logged_once_for_all_workers(serve):
    served = serve(workers=2, ends="import os; os._exit(3)")

    assert served.run("works") == "worked"
    assert served.stack.log("worker").count("some_tasks.ends can't be used: its import ended the process") == 1


CHANGES = """
    import os, random, signal, sys, subprocess, threading, time
    print("x" * 200_000)
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()
    sys.stdout = sys.stderr = None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    if not os.fork():
        time.sleep(0.1)

    def changed() -> str:
        return os.getcwd()
"""


def test_what_an_import_changes_in_its_process_harms_no_supervisor(serve):
    served = serve(changes=CHANGES)

    assert served.run("works") == served.run("works") == "worked"
    assert served.run("changed") == "/"
    served.stack.processes["worker"].send_signal(signal.SIGTERM)
    assert served.stack.processes["worker"].wait(timeout=60) == 0


STARTS = {
    "pool": """
        from concurrent.futures import ThreadPoolExecutor
        POOL = ThreadPoolExecutor(2)
        POOL.submit(int).result()

        def by_pool() -> int:
            return POOL.submit(len, "abc").result(20)
    """,
    "thread": """
        import queue, threading
        IN, OUT = queue.Queue(), queue.Queue()

        def _serve():
            while True:
                OUT.put(len(IN.get()))

        threading.Thread(target=_serve, daemon=True).start()

        def by_thread() -> int:
            IN.put("abc")
            return OUT.get(timeout=20)
    """,
    "processes": """
        from concurrent.futures import ProcessPoolExecutor
        POOL = ProcessPoolExecutor(1)
        POOL.submit(int).result()

        def by_processes() -> int:
            return POOL.submit(len, "abc").result(20)
    """,
    "loop": """
        import asyncio
        LOOP = asyncio.new_event_loop()

        def by_loop() -> int:
            return LOOP.run_until_complete(asyncio.to_thread(len, "abc"))
    """,
}
KILLS = """
    import os

    def kills() -> None:
        os._exit(4)
"""


def test_what_an_import_has_started_works_in_each_process(serve):
    served = serve(**STARTS, kills=KILLS)

    for _ in range(2):
        assert [served.run(f"by_{name}") for name in STARTS] == [3] * 4
        assert "exit status 4" in served.run("kills")["detail"]


PATCHES = """
    from gevent import monkey
    monkey.patch_all()
    import gevent, subprocess, threading, time

    def spawns() -> list[int]:
        found = []
        thread = threading.Thread(target=lambda: found.append(2))
        thread.start()
        gevent.joinall([gevent.spawn(found.append, 1)])
        thread.join()
        time.sleep(0.01)
        found.append(len(subprocess.check_output(["echo", "ab"])))
        return sorted(found)
"""


def test_a_file_that_patches_the_standard_library_with_gevent_works_beside_others(serve):
    served = serve(patches=PATCHES, kills=KILLS)
    supervisor = served.pid

    for _ in range(2):
        assert served.run("spawns") == [1, 2, 3]
        assert "exit status 4" in served.run("kills")["detail"]
        assert served.run("works") == "worked"

    assert served.pid == supervisor
    assert not served.broken


NUMBERS = """
    import random
    import numpy as np
    from taskdesk import task
    {setup}

    @task(isolated=True)
    def {name}() -> list[float]:
        return [float(x) for x in {expression}]
"""
FORKED = {
    "numpy": ("", "np.random.rand(3)"),
    "standard": ("", "[random.random()]"),
    "drawn": ("X = random.random(), np.random.rand()", "[random.random(), np.random.rand()]"),
}
FRESH = {
    "default_rng": ("RNG = np.random.default_rng()", "RNG.random(3)"),
    "of_class": ("class Model: rng = np.random.RandomState()", "Model.rng.rand(3)"),
    "in_a_list": ("RNG = {'of': [random.Random()]}", "[RNG['of'][0].random()]"),
}
SEEDED = {
    "seeded_rng": ("RNG = np.random.default_rng(42)", "RNG.random(3)"),
    "seeded_random": ("RNG = random.Random(5)", "[RNG.random()]"),
    "seed": ("random.seed(1)", "[random.random()]"),
    "numpy_seed": ("np.random.seed(1)", "np.random.rand(3)"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("differ", "stay"), [(FORKED, {}), (FRESH, SEEDED)], ids=["forked", "imported for each"])
def test_isolated_jobs_draw_different_random_numbers_unless_a_seed_is_set(serve, differ, stay):
    cases = {**differ, **stay}
    files = {name: NUMBERS.format(setup=setup, name=name, expression=ex) for name, (setup, ex) in cases.items()}
    served = serve(**files)

    draws = {name: {tuple(served.run(name)) for _ in range(2)} for name in cases}

    assert {name: len(drawn) for name, drawn in draws.items()} == {**dict.fromkeys(differ, 2), **dict.fromkeys(stay, 1)}


def test_a_process_that_a_job_has_killed_is_replaced_without_another_import(serve, tmp_path):
    counts = "from pathlib import Path\nwith Path(__file__).with_name('imports').open('a') as f:\n    f.write('.')\n"
    served = serve(counts=counts, kills=KILLS)

    for _ in range(3):
        assert "exit status 4" in served.run("kills")["detail"]
        assert served.run("works") == "worked"

    assert (tmp_path / "some_tasks" / "imports").read_text() == "."


def test_a_template_that_is_killed_is_replaced(serve):
    served = serve(kills=KILLS)
    children = Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text().split()
    os.kill(min(map(int, children)), signal.SIGKILL)  # the child was forked after it

    assert "exit status 4" in served.run("kills")["detail"]
    assert served.run("works") == "worked"
    assert "was lost" in served.stack.log("worker")


def test_a_worker_that_imports_for_long_says_so_and_can_be_stopped(redis_url, tmp_path):
    package = tmp_path / "slow_tasks"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import time, pathlib\npathlib.Path(__file__).with_name('began').touch()\ntime.sleep(1000)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(BACKEND)])
    stack = Stack(redis_url, tmp_path, TASKS="slow_tasks", WORKERS="1", PYTHONPATH=path)
    worker = stack.start("worker")
    wait_until((package / "began").exists, what="the import has begun")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=10) == 0


STARTS_A_PROCESS = """
    import subprocess
    P = subprocess.Popen(["sleep", "987"])

    def started() -> int:
        return P.pid
"""


def test_nothing_that_an_import_has_started_outlives_its_worker(serve):
    served = serve(starts=STARTS_A_PROCESS)
    pid = served.run("started")

    served.stack.stop()

    wait_until(lambda: not Path(f"/proc/{pid}/cmdline").read_bytes() if Path(f"/proc/{pid}").exists() else True)


@pytest.mark.slow
def test_template_and_child_end_with_their_supervisor(serve):
    served = serve()
    assert served.run("works") == "worked"
    below = [int(pid) for pid in Path(f"/proc/{served.pid}/task/{served.pid}/children").read_text().split()]

    os.kill(served.pid, signal.SIGKILL)

    assert len(below) == 2
    wait_until(lambda: not any(map(alive, below)), what="they have ended")
