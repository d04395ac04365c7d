"""Edits of rq-dashboard's templates as they are loaded, so that its pages need neither inline scripts nor eval.

Its pages have Underscore templates, `<script name="x" type="text/template">`. A browser would compile them by eval, and
their `<%= %>` inserts raw HTML. Here they are compiled beforehand, and everything they insert is escaped. Each script
of a template gets the nonce of its page; a script that gets into the page in any other way has none and does not run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from jinja2 import BaseLoader, Environment

_SCRIPTS = """js/bootstrap.bundle.min.js') }}" type="text/javascript"></script>"""
_STYLES = """filename='css/main.css') }}" rel="stylesheet">"""
_HEADING = """{% if active_tab not in ("queues", "workers") %}<h1 class="sr-only">Jobs</h1>{% endif %}"""
_MAIN = f"""<main class="container">{_HEADING}{{% block content %}}{{% endblock %}}</main>"""
_LAST_REGISTRY = """<option {% if registry_name == 'canceled' %} selected {% endif %}>canceled</option>"""
_EDITS = {
    "base.html": [
        ("url_for('static',", "url_for('rq_dashboard.static',"),
        (
            _STYLES,
            f"""{_STYLES}\n        <link href="{{{{ url_for('static', filename='desk.css') }}}}" rel="stylesheet">"""
            """\n        <script src="{{ url_for('static', filename='theme.js') }}"></script>""",
        ),
        ("""<div class="container">\n            {% block content %}{% endblock %}\n        </div>""", _MAIN),
        (_SCRIPTS, _SCRIPTS + """\n        <script src="{{ url_for('static', filename='desk.js') }}"></script>"""),
    ],
    "navbar.html": [
        ('<div id="navbar-dashboard"', '<div role="navigation" aria-label="Main" id="navbar-dashboard"'),
        ('id="rq-instances">', 'id="rq-instances" aria-label="Redis">'),
        (
            '<ul class="navbar-nav mr-auto">',
            '<ul class="navbar-nav mr-auto"><li class="nav-item">'
            '<a href="{{ app_url }}" class="nav-link">← Taskdesk</a></li>',
        ),
    ],
    "job.html": [
        (
            "</strong>: {{ id }}</h2>",
            '</strong>: {{ id }}</h2><p><a href="{{ app_url }}jobs/{{ id }}">This job in Taskdesk</a></p>',
        )
    ],
    "jobs.html": [
        # A title is no label.
        *(
            (f'title="{name}"', f'aria-label="{name}"')
            for name in ("Queue name", "Registry name", "Job Sort Order", "Jobs per page")
        ),
        # These texts are escaped by hand, and would be escaped twice.
        ("$('<div/>').text(d.description).html()", "d.description"),
        ("$('<div/>').text(d.exc_info).html()", "d.exc_info"),
        # RQ 3 has one more list.
        (
            _LAST_REGISTRY,
            f"{_LAST_REGISTRY}\n            "
            """<option {% if registry_name == 'rate_limited' %} selected {% endif %}>rate_limited</option>""",
        ),
        # The page is the same for all lists of a queue.
        ("all the queued jobs on queue", "all the {{ registry_name }} jobs of queue"),
        (">Empty queue<", ">{{ 'Empty queue' if registry_name == 'queued' else 'Delete all ' ~ registry_name }}<"),
        (
            "{{ queue.name }}</strong>.</p>",
            "{{ queue.name }}</strong>.{% if registry_name == 'failed' %} Jobs that were canceled while they were "
            "running are among them, as RQ keeps them. In Taskdesk they are canceled.{% endif %}</p>",
        ),
        ("Remove all jobs from this queue", "Delete all {{ registry_name }} jobs of this queue"),
    ],
    # The name comes from the address, and Jinja does not escape in files other than HTML.
    "scripts/jobs.js": [("'{{ queue.name }}'", "{{ queue.name|tojson }}")],
}
_SCRIPT = re.compile("<script(?! name=)")
_TEMPLATE = re.compile(r'<script name="([\w-]+)" type="text/template">(.*?)</script>', re.DOTALL)
_HEAD = "(window.compiled = window.compiled || {})"


class EditedTemplates(BaseLoader):
    def __init__(self, theirs: BaseLoader):
        self._theirs = theirs

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Raises LookupError if rq-dashboard's template is not the one that was edited."""
        source, path, is_fresh = self._theirs.get_source(environment, template)
        for old, new in _EDITS.get(template.removeprefix("rq_dashboard/"), ()):
            if old not in source:
                raise LookupError(f"{template} has no {old!r}: this is another version of rq-dashboard")
            source = source.replace(old, new)
        source = _TEMPLATE.sub(lambda found: f"{found[0]}\n<script>{_assignment(found[1], found[2])}</script>", source)
        return _SCRIPT.sub(r'<script nonce="{{ g.nonce }}"', source), path, is_fresh


def _assignment(name: str, template: str) -> str:
    return f"{_HEAD}[{json.dumps(name)}] = {compile_template(template)};"


def compile_template(template: str) -> str:
    """Return a JavaScript function that does the same as `_.template(template)`, but also escapes `<%=`."""
    statements = []
    for number, part in enumerate(re.split("<%(.*?)%>", template, flags=re.DOTALL)):
        if number % 2 == 0:
            statements.append(f"html += {_literal(part)};")
        elif part[0] in "=-":
            statements.append(f"html += _.escape({part[1:]});")
        else:
            statements.append(part)
    return "\n".join(["function (values) { var html = ''; with (values) {", *statements, "} return html; }"])


def _literal(text: str) -> str:
    return json.dumps(text).replace("</", "<\\/")
