"""A job behaves as a script does: its streams, its threads, its errors."""

from __future__ import annotations

import logging
import os

import pytest

from taskdesk.jobs.joblog import read_log
from taskdesk.worker.supervisor.worker import TaskWorker
from tests.conftest import preloaded
from tests.waiting import wait_until

IMPORTS = "import ctypes, faulthandler, io, os, subprocess, sys, threading, time\n"

WRITES = {
    "print('hi')": "hi\n",
    "sys.stdout.buffer.write(b'hi\\n')": "hi\n",
    "sys.stderr.buffer.write(memoryview(b'hi\\n'))": "hi\n",
    "print('a', end=''); sys.stdout.buffer.write(b'b'); sys.stdout.flush(); print('c')": "abc\n",
    "sys.stdout.writelines(['a\\n', 'b\\n'])": "a\nb\n",
    "sys.__stdout__.write('hi\\n')": "hi\n",
    "print('half \\ud800')": "half \\ud800\n",
    "sys.stdout.reconfigure(encoding='utf-8', line_buffering=True); print('ä')": "ä\n",
    "io.TextIOWrapper(sys.stdout.buffer, encoding='latin-1', write_through=True).write('hi\\n')": "hi\n",
    "io.TextIOWrapper(sys.stdout.detach(), write_through=True).write('hi\\n')": "hi\n",
    "subprocess.run(['echo', 'hi'], stdout=sys.stdout, check=True)": "hi\n",
    "subprocess.run(['sh', '-c', 'echo hi >&2'], stderr=sys.stderr, check=True)": "hi\n",
    "subprocess.run('echo a; echo b >&2', shell=True, stdout=sys.stdout, stderr=subprocess.STDOUT)": "a\nb\n",
    "os.write(sys.stdout.fileno(), b'hi\\n')": "hi\n",
    "open(sys.stdout.fileno(), 'w', closefd=False).write('hi\\n')": "hi\n",
    "os.write(1, b'hi\\n')": "hi\n",
    "os.write(2, b'hi\\n')": "hi\n",
    "subprocess.run(['echo', 'hi'], check=True)": "hi\n",
    "os.system('echo a; echo b >&2')": "a\nb\n",
    "print('a'); subprocess.run(['echo', 'b']); print('c')": "a\nb\nc\n",
    "ctypes.CDLL(None).puts(b'hi')": "hi\n",
    "os.write(1, b'half')": "half",
    "faulthandler.enable(); print(faulthandler.is_enabled())": "True\n",
    "print(sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), sys.stdout.mode, sys.stdout.name)": (
        "False utf-8 True w <stdout>\n"
    ),
    "sys.stdout.close()": "",
    "print('\\x1b[32mgreen\\x1b[0m')": "\x1b[32mgreen\x1b[0m\n",
    "for n in range(9): print(f'{n}0%', end='\\r')": "80%",
    "for n in range(9): print(f'\\r{n}0%', end='', flush=True)": "80%",
    "subprocess.run(['printf', '1%%\\r2%%\\n'], stdout=sys.stdout)": "2%\n",
    "print('half', end='')": "half",
    "print(repr(sys.stdin.read()))": "''\n",
    "subprocess.run(['cat'], stdin=sys.stdin, check=True)": "",
}


def run_codes(run, codes):
    return run(*[("runs", {"code": IMPORTS + code}) for code in codes])


def test_output_is_in_the_log_of_its_job_whichever_way_it_is_written(run, redis):
    """Each job is followed by one that prints: whatever the job has done to its streams is put back."""
    codes = [code for write in WRITES for code in (write, "print('next')")]

    done = run_codes(run, codes)

    assert [(code, job.error) for code, job in zip(codes, done, strict=True) if job.error] == []
    logs = [read_log(redis, job.id).text for job in done]
    assert dict(zip(WRITES, logs[::2], strict=True)) == WRITES
    assert logs[1::2] == ["next\n"] * len(WRITES)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "stream"), [("", ", stdout=sys.stdout"), ("print('first')", "")])
def test_what_another_program_writes_is_in_the_log_while_the_job_runs(
    submit, worker_process, jobs, redis, tmp_path, before, stream
):
    """A job that has said something itself is looked at each second; others when they end."""
    end = tmp_path / "end"
    shell = f"echo started; while [ ! -e {end} ]; do sleep 0.05; done"

    job_id = submit("runs", code=f"{IMPORTS}{before}\nsubprocess.run({shell!r}, shell=True{stream})")
    wait_until(lambda: jobs.get(job_id).status == "running", seconds=100, what="the worker has started it")

    wait_until(lambda: "started\n" in read_log(redis, job_id).text, what="it is in the log")
    end.touch()


def test_much_output_of_another_program_is_kept_as_that_of_the_task(run, redis):
    [job] = run_codes(run, ["subprocess.run(['seq', '400000'], stdout=sys.stdout); print('end')"])

    text = read_log(redis, job.id).text
    assert text.startswith("1\n2\n")
    assert text.endswith("400000\nend\n")
    assert len(text) < 300_000


def test_the_log_of_a_job_that_crashes_has_the_stack(run, redis):
    code = "import ctypes\nfaulthandler.enable(all_threads=False)\ndef falls():\n    ctypes.string_at(0)\nfalls()"

    [job] = run_codes(run, [code])

    assert "in falls" in read_log(redis, job.id).text


def test_a_handler_that_an_import_has_made_writes_to_the_worker_alone(run, redis, capfd):
    """`logging.basicConfig()` in a file of tasks: the line is in the job's log already."""
    handler = logging.StreamHandler(open(2, "w", closefd=False))  # noqa: SIM115
    logging.root.addHandler(handler)
    try:
        [job] = run_codes(run, ["import logging; logging.getLogger('mine').warning('hi')"])
    finally:
        logging.root.removeHandler(handler)

    assert read_log(redis, job.id).text == "WARNING mine: hi\n"
    assert "hi" in capfd.readouterr().err.splitlines()


@pytest.mark.slow
def test_the_last_words_of_c_code_are_in_the_log_of_the_job_that_they_ended(run, redis):
    last, later = run_codes(run, ["os.write(2, b'free(): invalid pointer\\n'); os.abort()", "print('later')"])

    assert read_log(redis, last.id).text == "free(): invalid pointer\n"
    assert read_log(redis, later.id).text == "later\n"


@pytest.mark.slow
def test_the_last_words_of_c_code_that_crashes_between_jobs_are_in_the_log_of_the_worker(
    worker_settings, registry, redis, submit, caplog
):
    ends = f"os.write(2, b'free(): invalid pointer\\n'); os.kill({os.getpid()}, 15); os._exit(1)"
    job_id = submit("runs", code=f"{IMPORTS}threading.Timer(0.5, exec, [{IMPORTS + ends!r}]).start()")

    TaskWorker(worker_settings, preloaded(registry), redis).work()

    assert read_log(redis, job_id).text == ""
    assert "when it ran none: free(): invalid pointer" in caplog.text


def test_what_a_process_writes_after_its_job_does_not_fill_the_file(run, redis):
    """A limit of files counts the size of the file that the descriptors lead to."""
    size = "import os; print(os.fstat(1).st_size)"

    *_, job = run_codes(run, ["subprocess.run(['seq', '100000'])", size])

    assert read_log(redis, job.id).text == "0\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("input('name? ')", "The task called input(), but nobody can answer a job: make what it asks for a parameter"),
        ("sys.stdin.buffer.read(); input()", "The task called input(), but nobody"),
        ("breakpoint()\nx = 1", "The task started a debugger, but nobody can answer a job: remove breakpoint(), or"),
        ("import pdb; pdb.set_trace()\nx = 1", "The task started a debugger, but nobody"),
    ],
)
def test_a_job_that_asks_somebody_fails_with_a_sentence(run, code, detail):
    [job] = run_codes(run, [code])

    assert job.error["detail"].startswith(detail)


HUGE = {
    "raise ValueError('x' * 5_000_000)": "ValueError",
    "raise KeyError('x' * 5_000_000)": "KeyError",
    "sys.exit('x' * 5_000_000)": "SystemExit",
    "raise type('X' * 5_000_000, (Exception,), {})": "",
    "raise OSError('y') from ValueError('x' * 5_000_000)": "OSError",
    "raise ExceptionGroup('g', [ValueError('x' * 5_000_000)] * 3)": "ExceptionGroup",
    "e = ValueError('x'); e.add_note('y' * 5_000_000); raise e": "ValueError",
    "e = ValueError('x')\nfor n in range(2000):\n    e, e.__cause__ = ValueError(n), e\nraise e": "ValueError",
    "from taskdesk import Table; raise SyntaxError('m', ('f', 1, 1, 'x' * 5_000_000))": "SyntaxError",
}


@pytest.mark.slow
def test_an_error_is_kept_up_to_a_limit_and_says_what_is_left_out(run, jobs):
    done = run_codes(run, HUGE)

    for (code, name), job in zip(HUGE.items(), done, strict=True):
        traceback = jobs.results.traceback(job.id)
        assert len(traceback) < 70_000, code
        assert "characters left out" in traceback + job.error["detail"], code
        assert len(job.error["detail"]) < 11_000, code
        assert len(job.error["type"]) < 300, code
        assert job.error["type"].startswith(name), code


@pytest.mark.slow
@pytest.mark.parametrize("text", ["1 / 0", "sys.exit()", "5", "[].x"])
def test_an_error_whose_text_is_broken_is_named(run, text):
    code = f"class Odd(Exception):\n    def __str__(self): return {text}\n    __repr__ = __str__\nraise Odd"

    [job, after] = run_codes(run, [code, "print('next')"])

    assert (job.error["type"], job.error["detail"], after.status) == ("Odd", "Odd", "succeeded")


IN_A_THREAD = """
from concurrent.futures import ThreadPoolExecutor
from taskdesk import current_job, progress, temporary_folder
def works():
    progress(1, 4, "in a thread")
    return current_job().job_id, str(temporary_folder())
def notes():
    found.append(works())
found = []
"""
THREADS = {
    "Thread": "t = threading.Thread(target=notes); t.start(); t.join()",
    "pool": "with ThreadPoolExecutor(2) as pool: pool.submit(notes).result()",
    "map of a pool": "with ThreadPoolExecutor(2) as pool: found += pool.map(lambda n: works(), [1])",
    "asyncio": "import asyncio; asyncio.run(asyncio.to_thread(notes))",
    "a pool of multiprocessing": "from multiprocessing.pool import ThreadPool\nwith ThreadPool(1) as p: p.apply(notes)",
    "timer": "t = threading.Timer(0, notes); t.start(); t.join()",
    "a thread of a thread": """
def deeper():
    t = threading.Thread(target=notes); t.start(); t.join()
t = threading.Thread(target=deeper); t.start(); t.join()""",
    "a pool of all jobs": (
        "pool = sys.modules.setdefault('pool_of_all', ThreadPoolExecutor(1)); pool.submit(notes).result()"
    ),
}


@pytest.mark.slow
def test_a_thread_of_a_job_is_the_jobs(run, jobs):
    codes = [f"{IN_A_THREAD}{code}\nresult = found == [works()], found[0][0]" for code in THREADS.values()] * 2

    done = run_codes(run, codes)

    assert [jobs.result(job) for job in done] == [[True, job.id] for job in done]


def test_a_thread_that_outlives_its_job_reports_no_progress_of_the_next_one(run, jobs):
    code = f"""{IN_A_THREAD}
def late():
    until.wait()
    progress(3, 4, "too late"); found.append(current_job().job_id)
until, found = threading.Event(), []
sys.modules["late"] = until, found, threading.Thread(target=late); sys.modules["late"][2].start()"""
    wakes = "until, found, thread = sys.modules.pop('late'); until.set(); thread.join(); result = found"

    first, second = run_codes(run, [code, wakes])

    assert jobs.result(second) == [first.id]
    assert second.progress is None
