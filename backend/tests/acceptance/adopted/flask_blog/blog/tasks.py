import json
import sys
from pathlib import Path

from rq import get_current_job

from blog import create_app, database

app = create_app()
app.app_context().push()


def export_posts(user_id):
    try:
        _set_task_progress(0)
        data = []
        posts = database().execute("SELECT body FROM post WHERE user_id = ? ORDER BY id", (user_id,)).fetchall()
        for done, (body,) in enumerate(posts, 1):
            data.append({"body": body})
            _set_task_progress(100 * done // len(posts))
        Path(app.config["DATABASE"]).with_name("posts.json").write_text(json.dumps({"posts": data}))
    except Exception:
        _set_task_progress(100)
        app.logger.error("Unhandled exception", exc_info=sys.exc_info())


def _set_task_progress(progress):
    job = get_current_job()
    if job:
        job.meta["progress"] = progress
        job.save_meta()
        if progress >= 100:
            database().execute("UPDATE task SET complete = 1 WHERE id = ?", (job.id,))
            database().commit()
