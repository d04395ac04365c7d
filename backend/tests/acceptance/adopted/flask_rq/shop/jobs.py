from pathlib import Path

from flask import current_app

from shop import app, rq  # noqa: F401  # current_app is app


@rq.job
def send_password_reset_job(user_id: int) -> None:
    outbox = Path(current_app.config["SHOP_OUTBOX"])
    (outbox / f"{user_id}.txt").write_text("Here is the link.")
