import os

from flask import Flask
from flask_rq import RQ

app = Flask(__name__)
app.config["RQ_CONNECTION"] = os.environ["SHOP_REDIS_URL"]
app.config["SHOP_OUTBOX"] = os.environ["SHOP_OUTBOX"]
rq = RQ(app)

from shop import jobs  # noqa: E402  # it needs app and rq


@app.post("/auth/send-password-reset/<int:user_id>")
def send_password_reset(user_id):
    job = jobs.send_password_reset_job.enqueue(user_id=user_id)
    return {"message": "Check your email!", "job": job.id}
