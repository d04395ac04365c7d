"""What an import may leave that keeps its process from being copied."""

from __future__ import annotations

import importlib
import multiprocessing
import random

import numpy as np
import pytest

from taskdesk.worker.supervisor.copies import Imports

FORK = multiprocessing.get_context("fork")
OBSTACLES = {
    "X = 1": "",
    "import numpy as np": "",
    "import numpy as np; np.linalg.inv(np.ones((600, 600)) + np.eye(600))": "",
    "import random; X = [random.random() for _ in range(2000)]": "",
    "import numpy as np; X = np.random.rand(2000)": "",
    "import secrets; X = secrets.SystemRandom()": "",
    "from unittest.mock import MagicMock; X = MagicMock()": "",
    "import threading; t = threading.Thread(target=int); t.start(); t.join()": "",
    "import subprocess; subprocess.run(['true'])": "",
    "import threading; threading.Timer(60, int).start()": "threads",
    "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()": "threads",
    "import multiprocessing as m; p = m.get_context('fork').Process(target=int); p.start()": "processes",
    "import subprocess; p = subprocess.Popen(['sleep', '1'])": "processes",
    "import socket; s = socket.socketpair()": "open connections",
    "import asyncio; loop = asyncio.new_event_loop()": "open connections",
    "import selectors; s = selectors.EpollSelector()": "open connections",
    "import random; random.seed(1)": "random numbers",
    "import random; X = random.Random()": "random numbers",
    "import random\nclass A:\n  class B:\n    x = [(random.Random(1),)]": "random numbers",
    "import random\ndef f(x, r=random.Random()): ...": "random numbers",
    "import random, functools\nf = functools.partial(int, random.Random())": "random numbers",
    "import random\nr = random.Random()\nf = r.choice\ndel r": "random numbers",
    "import numpy as np; np.random.seed()": "random numbers",
    "import numpy as np; np.random.seed(1)": "random numbers",
    "import numpy as np; X = np.random.default_rng()": "random numbers",
    "import numpy as np; X = np.random.RandomState(1)": "random numbers",
    "import numpy as np; X = {1: np.random.PCG64()}": "random numbers",
}


LARGE = {
    "import sklearn.ensemble, scipy.stats, pandas": "",
    "from sklearn.utils import check_random_state; X = check_random_state(1)": "random numbers",
}


@pytest.fixture
def find_obstacle(tmp_path, monkeypatch):
    """Import this source in a process of its own; return what keeps that from being copied."""
    monkeypatch.syspath_prepend(str(tmp_path))
    ours, its = FORK.Pipe()

    def find() -> None:
        np.random.set_bit_generator(np.random.MT19937())  # Hypothesis has seeded that of this process
        imports = Imports(["author"])
        importlib.import_module("author")
        its.send(imports.obstacle())

    def find_obstacle(source):
        (tmp_path / "author.py").write_text(source)
        process = FORK.Process(target=find)
        process.start()
        try:
            assert ours.poll(100)
            return ours.recv()
        finally:
            process.kill()
            process.join()

    return find_obstacle


@pytest.mark.parametrize("source", OBSTACLES)
def test_a_process_is_copied_unless_its_import_left_what_no_copy_can_have(source, find_obstacle):
    assert find_obstacle(source) == OBSTACLES[source]


@pytest.mark.slow
@pytest.mark.parametrize("source", LARGE)
def test_what_large_libraries_have_for_themselves_is_no_obstacle(source, find_obstacle):
    assert find_obstacle(source) == LARGE[source]


def test_the_numbers_of_a_copy_differ():
    before = random.getstate()
    Imports(["author"])

    assert random.getstate() != before
