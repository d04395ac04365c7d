"""The server of tutorial 004: Falcon under gunicorn, and a Celery task."""

import falcon

from bench import tasks
from bench.peers.celery import app

simple_task = app.task(tasks.simple_task)


class Create:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        task = simple_task.delay(request.get_media()["task_arg"])
        response.media = {"status": "success", "data": {"task_id": task.id}}


application = falcon.App()
application.add_route("/create", Create())
