"""Applications of RQ, written as its users write them, run on our worker with at most three changed lines each."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from taskdesk.client import Desk
from tests.conftest import wait_until

pytestmark = pytest.mark.slow  # a worker process for each

ADOPTED = Path(__file__).parent / "adopted"
IMPORT = "from rq.serializers import JSONSerializer\n"
MOST_LINES = 3

# The file, the line that is there, and what stands there instead.
Change = tuple[str, str, str]
QUICK_START: list[Change] = [
    ("producer.py", "from rq import Queue\n", f"from rq import Queue\n{IMPORT}"),
    (
        "producer.py",
        "queue = Queue(connection=Redis.from_url(redis_url))\n",
        "queue = Queue(connection=Redis.from_url(redis_url), serializer=JSONSerializer)\n",
    ),
]
FLASK_RQ: list[Change] = [
    ("shop/__init__.py", "from flask_rq import RQ\n", f"from flask_rq import RQ\n{IMPORT}"),
    (
        "shop/__init__.py",
        "rq = RQ(app)\n",
        "rq = RQ(app)\nwith app.app_context(): rq.queue.serializer = JSONSerializer\n",
    ),
    ("shop/jobs.py", "\n\n@rq.job\n", "\naround_job = app.app_context\n\n@rq.job\n"),
]
FLASK_BLOG: list[Change] = [
    ("blog/__init__.py", "from rq.job import Job\n", f"from rq.job import Job\n{IMPORT}"),
    (
        "blog/__init__.py",
        'rq.Queue("blog-tasks", connection=app.redis)\n',
        'rq.Queue("blog-tasks", connection=app.redis, serializer=JSONSerializer)\n',
    ),
    (
        "blog/__init__.py",
        "Job.fetch(job_id, connection=current_app.redis)\n",
        "Job.fetch(job_id, connection=current_app.redis, serializer=JSONSerializer)\n",
    ),
]


@pytest.fixture
def adopt(tmp_path: Path) -> Callable[[str, list[Change]], Path]:
    """Copy an application, and change it."""

    def adopt(name: str, changes: list[Change]) -> Path:
        folder = tmp_path / name
        shutil.copytree(ADOPTED / name, folder)
        for file, old, new in changes:
            source = (folder / file).read_text()
            assert source.count(old) == 1, (file, old)
            (folder / file).write_text(source.replace(old, new))
        assert 1 <= len(changes) <= MOST_LINES
        assert all(abs(len(new.splitlines()) - len(old.splitlines())) <= 1 for _, old, new in changes)
        return folder

    return adopt


@pytest.fixture
def start_worker(redis_url: str) -> Iterator[Callable[..., None]]:
    """Run `taskdesk worker` in a folder, until the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, tasks: str, queues: str, **settings: str) -> None:
        command = [sys.executable, "-P", "-m", "taskdesk", "worker", tasks]
        environment = {**os.environ, "REDIS_URL": redis_url, "QUEUES": queues, "WORKERS": "1", **settings}
        started.append(subprocess.Popen(command, cwd=folder, env=environment))

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=60)


def ask(folder: Path, program: str, **environment: str) -> str:
    """Run a program of the application in its folder; return what it prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a page with four words."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"these are four words")

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_the_quick_start_of_rq_counts_words_at_an_address(adopt, start_worker, redis_url, page):
    folder = adopt("rq_quick_start", QUICK_START)
    start_worker(folder, "my_module", "default")

    producer = [sys.executable, "producer.py", redis_url, page]
    done = subprocess.run(producer, cwd=folder, capture_output=True, text=True, timeout=100)

    assert (done.stdout, done.stderr) == ("4\n", "")


def test_the_example_of_flask_rq_sends_its_mail_in_the_context_of_the_application(
    adopt, start_worker, redis_url, tmp_path
):
    folder = adopt("flask_rq", FLASK_RQ)
    own = {"SHOP_REDIS_URL": redis_url, "SHOP_OUTBOX": str(tmp_path)}
    start_worker(folder, "shop.jobs", "default", **own)

    answer = json.loads(
        ask(folder, "import shop; print(shop.app.test_client().post('/auth/send-password-reset/7').text)", **own)
    )

    assert answer["message"] == "Check your email!"
    job = Desk.connect(redis_url).job(answer["job"]).wait(timeout=100)
    assert (job.status, (tmp_path / "7.txt").read_text()) == ("succeeded", "Here is the link.")


def test_the_export_of_a_flask_blog_runs_in_the_background_and_shows_its_progress(
    adopt, start_worker, redis_url, redis: Redis, tmp_path
):
    folder = adopt("flask_blog", FLASK_BLOG)
    with closing(sqlite3.connect(tmp_path / "blog.db")) as database:
        database.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, user_id INTEGER, body TEXT)")
        database.execute("CREATE TABLE task (id TEXT PRIMARY KEY, user_id INTEGER, complete INTEGER)")
        database.executemany("INSERT INTO post (user_id, body) VALUES (1, ?)", [("one",), ("two",)])
        database.commit()
    own = {"BLOG_REDIS_URL": redis_url, "BLOG_DATABASE": str(tmp_path / "blog.db")}
    client = "import blog; client = blog.create_app().test_client(); print(client.{}.text)"

    job_id = json.loads(ask(folder, client.format("post('/export_posts/1')"), **own))["job"]
    before = ask(folder, client.format(f"get('/export_posts/{job_id}')"), **own)
    start_worker(folder, "blog.tasks", "blog-tasks", **own)
    job = Desk.connect(redis_url).job(job_id).wait(timeout=100)
    after = ask(folder, client.format(f"get('/export_posts/{job_id}')"), **own)

    assert (json.loads(before), job.status, json.loads(after)) == ({"progress": 0}, "succeeded", {"progress": 100})
    assert json.loads((tmp_path / "posts.json").read_text()) == {"posts": [{"body": "one"}, {"body": "two"}]}
    with closing(sqlite3.connect(tmp_path / "blog.db")) as database:
        assert database.execute("SELECT id, complete FROM task").fetchall() == [(job_id, 1)]
    wait_until(lambda: redis.hget(f"rq:job:{job_id}", "status") == b"finished")
