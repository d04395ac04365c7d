"""A blog, with an export of somebody's posts in the background that shows its progress."""

import os
import sqlite3

import rq
from flask import Flask, current_app, g
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job


def create_app():
    app = Flask(__name__)
    app.config["DATABASE"] = os.environ["BLOG_DATABASE"]
    app.redis = Redis.from_url(os.environ["BLOG_REDIS_URL"])
    app.task_queue = rq.Queue("blog-tasks", connection=app.redis)
    app.add_url_rule("/export_posts/<int:user_id>", view_func=export_posts, methods=["POST"])
    app.add_url_rule("/export_posts/<job_id>", view_func=show_progress)
    return app


def database():
    if "database" not in g:
        g.database = sqlite3.connect(current_app.config["DATABASE"])
    return g.database


def export_posts(user_id):
    job = current_app.task_queue.enqueue("blog.tasks.export_posts", user_id)
    database().execute("INSERT INTO task (id, user_id, complete) VALUES (?, ?, 0)", (job.id, user_id))
    database().commit()
    return {"job": job.id}


def show_progress(job_id):
    try:
        job = Job.fetch(job_id, connection=current_app.redis)
    except NoSuchJobError:
        return {"progress": 100}
    return {"progress": job.meta.get("progress", 0)}
