"""The pages. Each works without JavaScript; scripts only make it live."""

from flask import Blueprint

from taskdesk.web.form_token import form_token_field
from taskdesk.web.pages import actions, bulk, docs, downloads, home, job, jobs, queues, tasks
from taskdesk.web.pages.view.durations import about, duration, usual

bp = Blueprint("pages", __name__)
bp.add_app_template_filter(about)
bp.add_app_template_filter(duration)
bp.add_app_template_filter(usual)
bp.add_app_template_global(form_token_field)
home.add_routes(bp)
tasks.add_routes(bp)
jobs.add_routes(bp)
bulk.add_routes(bp)
job.add_routes(bp)
actions.add_routes(bp)
downloads.add_routes(bp)
queues.add_routes(bp)
docs.add_routes(bp)
