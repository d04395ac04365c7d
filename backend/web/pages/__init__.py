"""The pages. Each works without JavaScript; scripts only make it live."""

from flask import Blueprint

from web.once import once_field
from web.pages import actions, docs, downloads, home, jobs, listing, many, queues, tasks
from web.pages.words import about, duration, usual

bp = Blueprint("pages", __name__)
bp.add_app_template_filter(about)
bp.add_app_template_filter(duration)
bp.add_app_template_filter(usual)
bp.add_app_template_global(once_field)
home.add_routes(bp)
tasks.add_routes(bp)
listing.add_routes(bp)
many.add_routes(bp)
jobs.add_routes(bp)
actions.add_routes(bp)
downloads.add_routes(bp)
queues.add_routes(bp)
docs.add_routes(bp)
