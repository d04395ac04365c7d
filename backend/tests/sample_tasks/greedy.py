"""Tasks that take more than they may, or leave more than they should."""

import ctypes
import faulthandler
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from taskdesk import task
from tests.sample_tasks import good

_seen: list[int] = []


def remembers() -> int:
    """Count the jobs of this task in this process."""
    _seen.append(1)
    return len(_seen)


@task(isolated=True)
def starts_afresh() -> list[int]:
    """Tell the process, and how many jobs of this task it has run."""
    _seen.append(1)
    return [os.getpid(), len(_seen)]


@task(memory=200)
def takes_memory(megabytes: int) -> int:
    """Take so much memory, and touch it."""
    return len(b"x" * (megabytes << 20)) >> 20


@task(cpu=1)
def takes_cpu(seconds: float) -> str:
    """Keep a core busy."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass
    return "done"


@task(file_size=1)
def writes(megabytes: int) -> int:
    """Write a file of so many megabytes."""
    with tempfile.TemporaryFile() as file:
        return file.write(b"x" * (megabytes << 20)) >> 20


def large_file() -> int:
    """Write a file of two megabytes."""
    with tempfile.TemporaryFile() as file:
        return file.write(b"x" * (2 << 20))


def exits(status: int) -> None:
    """Leave without a word."""
    os._exit(status)


def dies_talking(how: int, lines: int) -> None:
    """Print, and be killed by a signal at once; by none, leave."""
    print("the beginning")
    for n in range(lines):
        print(f"line {n} " + "ä" * 50)
    print("last words", flush=True)
    if how:
        faulthandler.disable()  # pytest's
        os.kill(os.getpid(), how)
    os._exit(1)


def forks() -> int:
    """Come back twice."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return os.getpid()


def forks_talking() -> None:
    """Come back twice, and once with words."""
    print("before")
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("after")


def forks_and_waits(path: str) -> str:
    """Come back once, and wait."""
    child = os.fork()
    if not child:
        sys.exit()
    os.waitpid(child, 0)
    return good.wait_for(path, 60)


def ends_what_it_has_forked() -> int | None:
    """The exit status of a process that is told to end."""
    forked = multiprocessing.get_context("fork").Process(target=signal.pause)
    forked.start()
    time.sleep(0.1)  # it has begun
    forked.terminate()
    forked.join(5)
    status = forked.exitcode
    forked.kill()
    return status


@task(timeout=1)
def starts_a_process(marker: str) -> None:
    """Wait for a process for too long."""
    subprocess.run([sys.executable, "-c", f"import time; open({marker!r}, 'w').close(); time.sleep(60)"])


def makes_a_mess() -> None:
    """Change what a process has."""
    os.chdir(tempfile.mkdtemp())
    shutil.rmtree(tempfile.gettempdir())
    tempfile.tempdir = None
    logging.disable()
    sys.stdout = None  # type: ignore[assignment]
    os.closerange(0, 3)


def spoils_its_folder() -> None:
    """Put a file in the place of the temporary folder."""
    folder = tempfile.gettempdir()
    os.rmdir(folder)
    open(folder, "w").close()


def lives_on() -> str:
    """Do what one may expect to work."""
    print("printed")
    logging.getLogger("library").warning("logged")
    with tempfile.NamedTemporaryFile() as file:
        return f"{os.path.exists(file.name)} {os.getcwd()}"


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


def raises_the_unspeakable() -> None:
    """Raise an error that has no text."""
    raise _Unspeakable


def leaves() -> None:
    """Leave by an exception that is no error."""
    sys.exit(2)


def crashes() -> None:
    """Touch memory that is not there."""
    faulthandler.disable()  # pytest's: its report would look like a failure of the tests
    ctypes.string_at(0)


@task(timeout=1)
def is_deaf() -> None:
    """Ignore the alarm of the time limit."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)


@task(timeout=1)
def sets_an_alarm(ignores_it: bool = False) -> None:
    """Set an alarm of its own."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        time.sleep(60)
    except Exception:
        if not ignores_it:
            raise
    time.sleep(60)


def takes_the_alarm() -> None:
    """Set a handler of its own for the signal of the time limit."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(0.01)


def leaves_a_file() -> list[str]:
    """Tell what is in the temporary folder, and leave a file there."""
    found = os.listdir(tempfile.gettempdir())
    tempfile.mkstemp(prefix="left-")
    return found
