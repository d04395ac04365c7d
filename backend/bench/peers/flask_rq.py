"""The server of tutorial 003: Flask on gevent, a Redis connection per request, and a page of all finished jobs.

`python -m bench.peers.flask_rq <port>` serves it.
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

from flask import Flask, render_template_string, request  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from redis import Redis  # noqa: E402
from rq import Queue, SimpleWorker  # noqa: E402
from rq.job import Job  # noqa: E402
from rq.registry import FinishedJobRegistry  # noqa: E402

PAGE = """<!doctype html><title>Tasks</title>
<form method="post"><input name="task_param"><button>Add</button></form>
{% if added %}<p>Added task to queue {{ queue.name }}: {{ added.id }}</p>{% endif %}
<h2>Tasks in queue: {{ queue|length }}</h2>
<h2>Completed tasks</h2>
<ul>{% for job in finished %}<li>{{ job.id }}: {{ job.return_value() }}</li>{% endfor %}</ul>
"""
app = Flask(__name__)


def connect() -> Redis:
    return Redis.from_url(os.environ["REDIS_URL"])


@app.route("/", methods=["GET", "POST"])
def index() -> str:
    connection = connect()
    queue = Queue(connection=connection)
    added = None
    if request.method == "POST":
        added = queue.enqueue("bench.tasks.simple_task", request.form["task_param"])
    registry = FinishedJobRegistry(queue=queue)
    finished = [Job.fetch(job_id, connection=connection) for job_id in registry.get_job_ids()]
    return render_template_string(PAGE, added=added, queue=queue, finished=finished)


def finish(number: int) -> None:
    """Run this number of jobs to their end, in an empty Redis."""
    queue = Queue(connection=connect())
    queue.connection.flushdb()
    for text in range(number):
        queue.enqueue("bench.tasks.simple_task", str(text), result_ttl=86400)
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="WARNING")


if __name__ == "__main__":
    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
