"""A desk with two channels and rules in a file, for the tests of API, page and metrics."""

from __future__ import annotations

FILE = """
address = "https://desk.example.org"
[channels.ops]
kind = "webhook"
url = "https://hooks.example.org/secret-path"
[channels.mail]
kind = "mail"
host = "smtp.example.org"
username = "desk"
password = "secret-password"
sender = "desk@example.org"
to = ["secret-address@example.org"]
[rules.nobody]
when = "no-worker"
channels = ["ops"]
"""


def with_alerts(settings, folder, text=FILE):
    """Return the settings with this ALERTS_FILE."""
    path = folder / "alerts.toml"
    path.write_text(text)
    return settings.model_copy(update={"alerts_file": str(path)})
