"""`make run`, with real processes on real ports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from taskdesk.launcher.redis_server import answers_ping, start_redis
from taskdesk.launcher.run import SOURCES, WATCHED_SUFFIXES
from taskdesk.service.embedded import find_redis_url
from taskdesk.service.settings import SharedSettings
from tests.conftest import BACKEND, RedisServer, free_port, wait_until
from tests.test_architecture import ENTRIES, MAY_IMPORT

RUN = [sys.executable, "-m", "taskdesk.launcher.run"]
linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


class Run:
    """One `make run` and what it prints."""

    def __init__(self, data_dir: Path, **settings: str):
        self.app_port, self.dashboard_port = free_port(), free_port()
        env = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "FLASK_CONFIG", "ENV")}
        env |= {"APP_PORT": str(self.app_port), "DASHBOARD_PORT": str(self.dashboard_port), "DATA_DIR": str(data_dir)}
        env["WORKERS"] = "1"
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self._output = data_dir / f"output-{time.monotonic_ns()}.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                RUN, cwd=BACKEND, env={**env, **settings}, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.output or self.process.poll() is not None, what=text)
        assert text in self.output

    def wait_until_up(self) -> Run:
        self.wait_for(f"http://127.0.0.1:{self.app_port}/")
        return self

    def is_healthy(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.app_port}/healthz", timeout=60) as answer:
            return bool(answer.status == 200)

    def get(self, path: str) -> Any:
        """Return what the API answers, None if there is nothing."""
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(self._api(path), timeout=60) as answer:
            return json.load(answer)
        return None

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._api(path), json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _api(self, path: str) -> str:
        return f"http://127.0.0.1:{self.app_port}/api/v1/{path}"

    def redis(self) -> Redis:
        address = re.search(r"redis://127\.0\.0\.1:\d+/0", self.output)
        assert address
        return Redis.from_url(address[0], decode_responses=True)

    def stop(self, signum: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(timeout=60)

    def pids(self, script: str = "") -> list[int]:
        """Return the pids of all its descendants, or of those that run `script`."""
        found, parents = [], {self.process.pid}
        while parents:
            parents = {pid for pid, parent in parent_by_pid().items() if parent in parents}
            found += [pid for pid in sorted(parents) if script in command_line(pid)]
        return found


def parent_by_pid() -> dict[int, int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue  # it has just ended
        state, parent = rest.rsplit(") ", 1)[1].split()[:2]
        if state != "Z":
            parents[int(pid)] = int(parent)
    return parents


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def settings_of(run: Run) -> SharedSettings:
    return SharedSettings(data_dir=run.data_dir, _env_file=None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A running one, for tests that do not change it."""
    run = Run(tmp_path_factory.mktemp("run") / "data")
    yield run.wait_until_up()
    run.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(**settings: str) -> Run:
        runs.append(Run(tmp_path / "data", **settings))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()


def test_it_starts_and_prints_its_addresses(shared):
    assert shared.is_healthy()
    assert f"http://127.0.0.1:{shared.dashboard_port}/" in shared.output
    assert shared.redis().ping()


@pytest.mark.slow
def test_with_logins_rq_dashboard_is_not_started_without_its_password(start):
    run = start(AUTH="on", SECRET_KEY="0123456789abcdef" * 2).wait_until_up()

    run.wait_for("not started: with AUTH=on it needs DASHBOARD_PASSWORD")
    assert run.pids("dashboard.py") == []


@pytest.mark.parametrize("is_upgrade", [False, True])
def test_only_its_user_can_read_the_data_of_its_redis(tmp_path, is_upgrade):
    folder = tmp_path / "data" / "redis"
    if is_upgrade:
        folder.mkdir(parents=True, mode=0o755)
    process, url = start_redis(folder)
    try:
        wait_until(lambda: answers_ping(int(url.split(":")[2][:-2])), what="Redis answers")
        with Redis.from_url(url) as redis:
            redis.set("a", "b")
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    finally:
        process.kill_session()
        process.process.stdout.close()

    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert is_upgrade or folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_an_ipv6_address_is_printed_as_browsers_take_it(start):
    run = start(APP_HOST="::1")
    address = f"http://[::1]:{run.app_port}/"

    run.wait_for(f"Desk       {address}\n")

    assert f"serving on {address.rstrip('/')}\n" in run.output
    with urllib.request.urlopen(f"{address}healthz", timeout=60) as answer:
        assert answer.status == 200


def test_another_program_finds_its_redis_in_the_data_folder(shared):
    assert f" {find_redis_url(settings_of(shared))}\n" in shared.output


@pytest.mark.parametrize("name", ["APP_PORT", "DASHBOARD_PORT"])
def test_a_taken_port_is_refused_with_the_setting_that_changes_it(shared, start, name):
    taken = shared.app_port

    run = start(**{name: str(taken)})

    assert run.process.wait(timeout=60) == 2
    assert run.output == f"Port {taken} is taken. Write another before the command, or into .env: {name}={taken + 1}\n"


def test_a_wrong_setting_is_refused_by_name(start):
    run = start(APP_PORT="many")

    assert run.process.wait(timeout=60) == 2
    assert "APP_PORT: " in run.output
    assert "Traceback" not in run.output


def test_a_second_make_run_on_the_same_data_folder_is_refused(shared, start):
    data_dir = shared.data_dir

    run = start(DATA_DIR=str(data_dir))

    assert run.process.wait(timeout=60) == 2
    assert f"Another desk uses {data_dir}: process {shared.process.pid}, " in run.output
    assert "set DATA_DIR to another folder" in run.output


def test_data_of_a_newer_server_are_refused_with_the_remedy(start, tmp_path):
    folder = tmp_path / "data" / "redis"
    folder.mkdir(parents=True)
    server = RedisServer(folder)
    server.start()
    server.stop()
    [base] = folder.glob("appendonlydir/*.base.rdb")
    base.write_bytes(re.sub(rb"\d{3}", b"999", base.read_bytes(), count=1))  # VALKEY080 or REDIS0010

    run = start()

    assert run.process.wait(timeout=60) == 2
    assert f"A newer server has written the data in {tmp_path / 'data'}. Use that one: " in run.output


@pytest.mark.slow
def test_after_a_crash_the_incomplete_write_is_dropped_with_a_line(start, tmp_path):
    folder = tmp_path / "data" / "redis"
    folder.mkdir(parents=True)
    half = "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET"
    (folder / "appendonly.aof").write_text("*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$3\r\nyes\r\n" + half, newline="")

    run = start().wait_until_up()

    assert run.redis().get("kept") == "yes"
    if int(run.redis().info("server")["redis_version"].partition(".")[0]) < 7:
        assert f"its last {len(half)} bytes were dropped" in run.output


@pytest.mark.slow
@linux
def test_after_a_stop_its_data_is_kept_and_no_process_is_left(start):
    run = start().wait_until_up()
    pids = run.pids()
    run.redis().set("kept", "yes")

    status = run.stop(signal.SIGTERM)

    assert status == 0
    assert len(pids) >= 4
    assert not parent_by_pid().keys() & set(pids)
    assert "Traceback" not in run.output
    assert find_redis_url(settings_of(run)) == settings_of(run).redis_url.get_secret_value()
    again = start().wait_until_up()
    assert again.redis().get("kept") == "yes"
    assert again.stop(signal.SIGINT) == 0


@pytest.mark.slow
@linux
def test_after_a_kill_its_ports_and_its_data_can_be_used_again(start):
    first = start().wait_until_up()
    pids = [pid for script in ("-server", "server.py", "dashboard.py") for pid in first.pids(script)]

    first.stop(signal.SIGKILL)

    # The worker takes longer: it looks for its Redis before it gives up.
    wait_until(lambda: not parent_by_pid().keys() & set(pids), what="they are gone")
    assert start().wait_until_up().is_healthy()


@pytest.mark.slow
@linux
@pytest.mark.parametrize(
    ("script", "name"), [("-server", "redis"), pytest.param("server.py", "web", marks=pytest.mark.slow)]
)
def test_the_death_of_a_process_stops_all_and_is_named(start, script, name):
    run = start().wait_until_up()
    pids = run.pids()

    os.kill(run.pids(script)[0], signal.SIGKILL)

    assert run.process.wait(timeout=60) == 1
    assert f"{name} was killed by SIGKILL, so everything was stopped." in run.output
    wait_until(lambda: not parent_by_pid().keys() & set(pids), what="all are gone")


@pytest.mark.slow
@linux
def test_in_dev_the_worker_restarts_for_edited_tasks(start, tmp_path):
    for name in ("first", "second"):
        (package := tmp_path / f"{name}_tasks").mkdir()
        (package / "its.py").write_text(f'def {name}() -> int:\n    """Return 1."""\n    return 1\n')
    run = start(TASKS="first_tasks,second_tasks", PYTHONPATH=str(tmp_path)).wait_until_up()
    worker, web = run.pids("worker.py")[0], run.pids("server.py")[0]

    (package / "one.py").write_text('def one() -> int:\n    """One."""\n    return 1\n')

    run.wait_for("one.py has changed")
    wait_until(lambda: worker not in run.pids("worker.py") and run.pids("worker.py"), what="another worker")
    assert run.pids("server.py")[0] == web

    run.wait_for("serves 3 tasks")
    edited = run.pids("worker.py")[0]
    os.kill(edited, signal.SIGKILL)  # as the kernel does when memory is short: that is not the edit's fault

    run.wait_for("was killed by SIGKILL: restarting")
    wait_until(lambda: edited not in run.pids("worker.py") and run.pids("worker.py"), what="a third worker")


@pytest.mark.slow
@linux
def test_an_edited_task_is_offered_while_the_worker_before_still_runs_a_job(start, tmp_path):
    (package := tmp_path / "edited_tasks").mkdir()
    (package / "its.py").write_text(_WAITS)
    run = start(TASKS="edited_tasks", PYTHONPATH=str(tmp_path), STOP_GRACE="25").wait_until_up()
    before = run.pids("worker.py")[0]
    wait_until(lambda: run.get("tasks/waits"), what="the task is offered")
    job = run.post("tasks/waits/jobs", {"path": str(tmp_path / "go")})["id"]
    wait_until(lambda: run.get(f"jobs/{job}")["status"] == "running", what="it runs")

    (package / "one.py").write_text('def one() -> int:\n    """One."""\n    return 1\n')

    wait_until(lambda: run.get("tasks/one"), what="the new task is offered")
    assert run.get(f"jobs/{job}")["status"] == "running"
    assert before in run.pids("worker.py")
    (tmp_path / "go").touch()
    wait_until(lambda: run.get(f"jobs/{job}")["status"] == "succeeded", what="its worker ends it")
    wait_until(lambda: before not in run.pids("worker.py"), what="the worker before leaves")
    assert run.post("tasks/one/jobs", {})["status"] == "queued"


_WAITS = '''
import time
from pathlib import Path


def waits(path: str) -> int:
    """Wait for a file."""
    while not Path(path).exists():
        time.sleep(0.01)
    return 1
'''


@pytest.mark.parametrize("program", ["server", "worker"])
def test_a_program_is_restarted_for_every_file_that_it_imports(program):
    parts = ENTRIES[program] | set().union(*(MAY_IMPORT[part] for part in ENTRIES[program]))
    sources = SOURCES["web" if program == "server" else program]
    files = [path for source in sources for path in (BACKEND / source).rglob("*") if path.is_file()]

    assert {source.removeprefix("taskdesk/") for source in sources} == {
        *parts, "__init__.py", "version.py", f"{program}.py",
    }  # fmt: skip
    assert {path.suffix for path in files} - {".pyc", ".md"} <= {*WATCHED_SUFFIXES}


@pytest.mark.slow
def test_a_given_redis_is_used_and_may_start_later(start):
    url = f"redis://127.0.0.1:{free_port()}/0"

    run = start(REDIS_URL=url).wait_until_up()

    assert "REDIS_URL is set, but nothing answers there." in run.output
    assert run.is_healthy()
    assert not (run.data_dir / "redis").exists()
