"""Each job starts with the process as it was before the first one."""

from __future__ import annotations

import multiprocessing

import pytest

from taskdesk.jobs.artifacts import FolderStore
from taskdesk.jobs.joblog import read_log

# What a job changes, and what the next one may see of that: an expression.
CHANGES = {
    "umask": ("os.umask(0o077)", "os.umask(0o022)"),
    "variable that is new": ("os.environ['NEW_ONE'] = 'x'", "os.environ.get('NEW_ONE')"),
    "variable that is changed": ("os.environ['PATH'] = '/nowhere'", "os.environ['PATH']"),
    "variable that is removed": ("del os.environ['PATH']", "os.environ.get('PATH')"),
    "variables in bytes": ("os.environb[b'NEW_ONE'] = b'x'", "subprocess.getoutput('echo $NEW_ONE')"),
    "all variables": ("os.environ.clear()", "sorted(os.environ.items())"),
    "another environment": ("os.environ = {}", "sorted(os.environ.items())"),
    "time zone": ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "time.localtime(0).tm_hour"),
    "time zone that is hidden": ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); del os.environ['TZ']", "time.tzname"),
    "locale": ("locale.setlocale(locale.LC_ALL, 'C')", "locale.setlocale(locale.LC_ALL)"),
    "locale of numbers": ("locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')", "locale.setlocale(locale.LC_NUMERIC)"),
    "warnings as errors": ("warnings.simplefilter('once')", "str(warnings.filters)"),
    "no warnings": ("warnings.filters.clear(); warnings.filterwarnings('ignore')", "len(warnings.filters)"),
    "warnings in the log": ("logging.captureWarnings(True)", "str(warnings.showwarning)"),
    "precision of decimals": ("decimal.getcontext().prec = 3", "str(decimal.Decimal(1) / 3)"),
    "context of decimals": ("decimal.setcontext(decimal.BasicContext)", "str(decimal.getcontext())"),
    "errors of numpy": ("np.seterr(all='raise')", "np.geterr()"),
    "format of numpy": ("np.set_printoptions(precision=2)", "str(np.float64(1) / np.arange(3, 4))"),
    "time-out of sockets": ("socket.setdefaulttimeout(0.001)", "socket.getdefaulttimeout()"),
    "recursion limit": ("sys.setrecursionlimit(120)", "sys.getrecursionlimit()"),
    "gc": ("gc.disable(); gc.set_threshold(1, 2, 3)", "[gc.isenabled(), gc.get_threshold()]"),
    "path": ("sys.path.insert(0, '/nowhere')", "sys.path"),
    "another path": ("sys.path = ['/nowhere']", "sys.path"),
    "argv": ("sys.argv[:] = ['program', '--option']", "sys.argv"),
    "hooks": (
        "sys.excepthook = threading.excepthook = sys.unraisablehook = print",
        "[str(hook) for hook in (sys.excepthook, threading.excepthook, sys.unraisablehook)]",
    ),
    "switch interval": ("sys.setswitchinterval(1)", "sys.getswitchinterval()"),
    "long numbers": ("sys.set_int_max_str_digits(0)", "sys.get_int_max_str_digits()"),
    "profiler": ("sys.setprofile(lambda *event: None)", "str(sys.getprofile())"),
    "tracebacks": ("sys.tracebacklimit = 0", "getattr(sys, 'tracebacklimit', 1000)"),
    "SIGHUP": ("signal.signal(signal.SIGHUP, signal.SIG_IGN)", "str(signal.getsignal(signal.SIGHUP))"),
    "SIGALRM": ("signal.signal(signal.SIGALRM, signal.SIG_IGN)", "str(signal.getsignal(signal.SIGALRM))"),
    "SIGTERM": ("signal.signal(signal.SIGTERM, print)", "str(signal.getsignal(signal.SIGTERM))"),
    "mask of signals": ("signal.pthread_sigmask(signal.SIG_BLOCK, [10])", "str(signal.pthread_sigmask(0, []))"),
    "timer of a profiler": (
        "signal.signal(signal.SIGPROF, lambda *_: None); signal.setitimer(signal.ITIMER_PROF, 0.001)",
        "[str(signal.getsignal(signal.SIGPROF)), sum(range(1_000_000))]",
    ),
    "start method": ("multiprocessing.set_start_method('spawn')", "multiprocessing.set_start_method('spawn')"),
    "record factory": ("logging.setLogRecordFactory(print)", "str(logging.getLogRecordFactory())"),
}
IMPORTS = (
    "import decimal, gc, locale, logging, multiprocessing, os, signal, socket, subprocess, sys, threading, time, "
    "warnings; import numpy as np\n"
)


@pytest.fixture(autouse=True)
def no_start_method():
    """Let the jobs be the first that choose a start method: another test of this process may have chosen one."""
    multiprocessing.set_start_method(None, force=True)


@pytest.fixture
def log_of():
    """The logs of the jobs that `values` has run."""
    return []


@pytest.fixture
def values(run, jobs, redis, log_of):
    """Run code in jobs of one process: the value of the variable `result` in each of them."""

    def values(*codes):
        done = run(*[("runs", {"code": f"{IMPORTS}{code}\nresult = os.getpid(), result"}) for code in codes])
        assert [(code, job.error) for code, job in zip(codes, done, strict=True) if job.status != "succeeded"] == []
        log_of.extend(read_log(redis, job.id).text for job in done)
        answers = [jobs.result(job) for job in done]
        assert len({pid for pid, _ in answers}) == 1
        return [value for _, value in answers]

    return values


def test_what_a_job_changes_is_put_back(values):
    codes = []
    for change, seen in CHANGES.values():
        codes += [f"result = {seen}", f"{change}; result = None", f"result = {seen}"]

    before, _, after = (dict(zip(CHANGES, part, strict=True)) for part in _thirds(values(*codes)))

    assert after == before


LOGGING = {
    "nothing": "pass",
    "disabled": "logging.disable()",
    "one disabled": "logging.getLogger('library').disabled = True",
    "an empty configuration": "import logging.config; logging.config.dictConfig({'version': 1})",
    "a configuration": """import logging.config
logging.config.dictConfig({"version": 1, "root": {"level": "ERROR", "handlers": ["h"]}, "handlers": {
    "h": {"class": "logging.StreamHandler"}}})""",
    "basicConfig": "logging.basicConfig(force=True, level='ERROR')",
    "level of the root": "logging.getLogger().setLevel('ERROR')",
    "level": "logging.getLogger('library').setLevel('ERROR')",
    "level of its parent": "logging.getLogger('library.part').setLevel('DEBUG'); logging.root.setLevel('CRITICAL')",
    "propagate": "logging.getLogger('library').propagate = False",
    "no handlers": "logging.root.handlers.clear()",
    "one more handler": "logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))",
    "a handler of the library": "logging.getLogger('library').addHandler(logging.StreamHandler(sys.stdout))",
    "a handler that is closed": "logging.shutdown()",
    "level of the handlers": "[handler.setLevel('ERROR') for handler in logging.root.handlers]",
    "format of the handlers": "[handler.setFormatter(None) for handler in logging.root.handlers]",
    "filter": "logging.getLogger('library').addFilter(lambda record: False)",
    "filter of the root's handlers": "[handler.addFilter(lambda record: False) for handler in logging.root.handlers]",
    "a parent that had no logger": "logging.getLogger('library').setLevel('ERROR')",
    "warnings": "logging.captureWarnings(True)",
}
SAYS = """logging.getLogger('library').warning('said')
logging.getLogger('library').info('told')
logging.getLogger('library').debug('whispered')
logging.getLogger('library.part').info('added')
logging.captureWarnings(True)
warnings.simplefilter('default')
warnings.warn_explicit('careful', UserWarning, 'file.py', 7, registry=sys.modules.setdefault('registry', {}))
result = None"""
SAID = """WARNING library: said
INFO library: told
INFO library.part: added
WARNING py.warnings: file.py:7: UserWarning: careful

"""


@pytest.mark.parametrize("before", ["pass", "logging.getLogger('library')"])
def test_logging_is_put_back(values, log_of, before):
    codes = []
    for change in LOGGING.values():
        codes += [f"{before}; {change}\nresult = None", SAYS]

    values(*codes)

    assert dict(zip(LOGGING, log_of[1::2], strict=True)) == dict.fromkeys(LOGGING, SAID)


def test_what_a_library_sets_up_for_its_loggers_as_it_is_imported_stays(values, log_of, tmp_path):
    (tmp_path / "quiet_library.py").write_text("import logging; logging.getLogger(__name__).setLevel('ERROR')")

    values(
        f"sys.path.append({str(tmp_path)!r}); import quiet_library\n"
        "logging.getLogger('mine').setLevel('ERROR')\nresult = 0",
        "[logging.getLogger(name).warning('said') for name in ('quiet_library', 'mine')]\nresult = 0",
    )

    assert log_of[1] == "WARNING mine: said\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("resource.setrlimit(resource.RLIMIT_NOFILE, (50, 60))", "resource.getrlimit(resource.RLIMIT_NOFILE)"),
        ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "resource.getrlimit(resource.RLIMIT_CORE)"),
        ("os.nice(5)", "os.nice(0)"),
        ("os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])", "sorted(os.sched_getaffinity(0))"),
    ],
)
def test_limits_of_the_system_are_put_back_or_the_next_job_has_a_new_process(results, change, seen):
    codes = f"result = {seen}", f"{change}; time.sleep(0.01)", f"result = {seen}"

    before, _, after = results(*[("runs", {"code": f"import os, resource, time\n{code}"}) for code in codes])

    assert after == before


def _thirds(values):
    return [values[first::3] for first in range(3)]


def _thirds(values):
    return [values[first::3] for first in range(3)]


@pytest.mark.slow
def test_each_job_draws_its_own_picture(values):
    draws = """import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.rcParams["lines.linewidth"] += 1; plt.ion(); plt.style.use("dark_background")
result = len(plt.gca().lines), len(plt.get_fignums()), plt.rcParams["lines.linewidth"], plt.rcParams["text.color"]"""

    values_seen = values(draws, "result = None", draws, draws)

    assert values_seen == [[1, 1, 2.5, "white"], None, [1, 1, 2.5, "white"], [1, 1, 2.5, "white"]]


def test_a_job_that_sets_the_umask_stores_a_file_that_others_may_read(run, worker_settings):
    code = "import os; from taskdesk import File; os.umask(0o077); result = {'a': File('a.txt', b'x')}"

    [job] = run(("runs", {"code": code}))

    path = FolderStore(worker_settings.data_dir / "artifacts").local_path(job.id, "a.txt")
    assert [oct(there.stat().st_mode & 0o777) for there in (path, path.parent)] == ["0o644", "0o755"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
def test_pools_of_processes_run_in_one_job_after_another(results, method):
    code = f"""from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, set_start_method
set_start_method("{method}")
with ProcessPoolExecutor(1) as pool:
    result = pool.submit(len, "abc").result()
with get_context("{method}").Manager() as manager:
    result += len(manager.list([1]))"""

    assert results(*[("runs", {"code": code})] * 2) == [4, 4]


@pytest.mark.slow
def test_joblib_runs_in_one_job_after_another(values):
    code = """import numpy
from joblib import Parallel, delayed
result = Parallel(2)(delayed(numpy.sum)(numpy.ones(1_000_000)) for _ in range(4))"""

    assert values(code, code) == [[1_000_000.0] * 4] * 2
