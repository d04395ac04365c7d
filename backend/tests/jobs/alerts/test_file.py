"""ALERTS_FILE: what is right is read, and what is wrong is named with its line, its field and a remedy."""

from __future__ import annotations

import re

import pytest

from taskdesk.jobs.alerts.channels import Mail
from taskdesk.jobs.alerts.file import check_alerts_file, parse_alerts_file
from tests.conftest import BACKEND

WHOLE = """
address = "https://desk.example.org/"

[channels.ops]
kind = "slack"
url = "${HOOK}"

[channels.mail]
kind = "mail"
host = "smtp.example.org"
username = "desk"
password = "${PASSWORD}"
sender = "desk@example.org"
to = ["ops@example.org", "ann@example.org"]

[rules.causes]
when = "first-failure"
channels = ["ops", "mail"]

[rules.many]
when = "failures"
count = 10
minutes = 5
queue = "high"
channels = ["ops"]
details = true
"""


@pytest.fixture
def variables(monkeypatch):
    monkeypatch.setenv("HOOK", "https://hooks.example.org/secret-path")
    monkeypatch.setenv("PASSWORD", "secret-password")


def test_a_file_has_channels_rules_and_the_address_of_the_desk(variables):
    found = parse_alerts_file(WHOLE)

    assert found.faults == ()
    assert found.address == "https://desk.example.org"
    assert [*found.channels] == ["ops", "mail"]
    assert found.channels["ops"].url.get_secret_value() == "https://hooks.example.org/secret-path"
    assert isinstance(found.channels["mail"], Mail)
    assert found.channels["mail"].server_port == 587
    assert [(one.name, one.rule.when, one.source) for one in found.rules] == [
        ("causes", "first-failure", "file"),
        ("many", "failures", "file"),
    ]


def test_no_text_shows_a_secret(variables):
    shown = repr(parse_alerts_file(WHOLE))

    assert "secret-path" not in shown
    assert "secret-password" not in shown


OPS = '[channels.ops]\nkind = "slack"\nurl = "https://hooks.example.org/a"\n'
MAIL = '[channels.m]\nkind = "mail"\nhost = "h"\nsender = "a@b.org"\nto = ["c@d.org"]\n'
# ruff: noqa: E501
WRONG = [  # a file, and what is said of it
    ("a =", "alerts.toml is no valid TOML: Invalid value (at end of document)."),
    ("[channel.ops]", "alerts.toml, line 1: channel: there is no such entry: use address, [channels.NAME] and [rules.NAME]."),
    ('address = "desk"', "address: it has to be the address of this desk, such as https://desk.example.org."),
    ('channels = "ops"', "channels: write each as a table [channels.NAME]."),
    ('[channels."o p"]\nkind = "slack"', "line 1: channels.o p: a name has 1 to 64 letters, digits, - and _."),
    ("[channels.ops]\n", 'line 1: channels.ops.kind: it is missing: write kind = "mail", "webhook", "slack", "teams"'),
    ('[channels.ops]\nkind = "sms"', "line 2: channels.ops.kind: it has to be 'mail', 'webhook', 'slack', 'teams', 'ntfy'."),
    ('[channels.ops]\nkind = "slack"', "line 1: channels.ops.url: it is missing."),
    ('[channels.ops]\nkind = "slack"\nurl = 5', "line 3: channels.ops.url: it has to be a text."),
    (OPS.replace("https://", "ftp://"), "line 3: channels.ops.url: it can't be used: Must begin with https://"),
    (OPS.replace("https://", "https://me:secret@"), "line 3: channels.ops.url: it can't be used: A URL must have no user"),
    (OPS + 'colour = "red"', "line 4: channels.ops.colour: there is no such field: remove it."),
    (OPS.replace("https://hooks.example.org/a", "${NO_SUCH_VARIABLE}"), "line 3: channels.ops.url: the environment variable NO_SUCH_VARIABLE is not set."),
    (MAIL.replace("c@d.org", "C <c@d.org>"), "line 5: channels.m.to: it has to be a mail address such as ops@example.org"),
    (MAIL.replace('"c@d.org"', ""), "line 5: channels.m.to: it needs at least 1 entry."),
    (MAIL.replace("a@b.org", "a@b.org\\nBcc: x@y.org"), "line 4: channels.m.sender: it has to be a mail address"),
    (MAIL + 'port = 0', "line 6: channels.m.port: it has to be at least 1."),
    (MAIL + 'username = "a"\npassword = "b"\nsecurity = "none"', "line 8: channels.m.security: a password needs encryption"),
    (MAIL + 'username = "a"', "channels.m: username and password have to be both there, or both missing."),
    (OPS + '[rules.a]\nwhen = "never"\nchannels = ["ops"]', "line 5: rules.a.when: it has to be 'first-failure', 'failures'"),
    (OPS + '[rules.a]\nwhen = "failures"\nchannels = ["ops"]', "line 4: rules.a.count: a rule of failures needs it."),
    (OPS + '[rules.a]\nwhen = "failures"\ncount = "9"\nchannels = ["ops"]', "line 6: rules.a.count: it has to be a whole number."),
    (OPS + '[rules.a]\nwhen = "failures"\ncount = 0\nchannels = ["ops"]', "line 6: rules.a.count: it has to be at least 1."),
    (OPS + '[rules.a]\nwhen = "worker-lost"\nqueue = "q"\nchannels = ["ops"]', "line 6: rules.a.queue: a rule of worker-lost has no queue: remove it."),
    (OPS + '[rules.a]\nwhen = "worker-lost"\nchannels = ["obs"]', "line 6: rules.a.channels: there is no channel 'obs': add [channels.obs]."),
    (OPS + '[rules.a]\nwhen = "worker-lost"\nchannels = "ops"', 'line 6: rules.a.channels: it has to be a list, such as ["ops"].'),
    (OPS + '[rules.a]\nwhen = "worker-lost"\nchannels = []', "line 6: rules.a.channels: it needs at least 1 entry."),
    (OPS + '[rules]\na = 5', "rules.a: it has to be a table [rules.a]."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_fault_is_named_with_its_line_and_its_remedy(text, said):
    found = parse_alerts_file(text)

    assert len(found.faults) == 1
    assert said in found.faults[0]
    assert "secret" not in found.faults[0]


def test_all_faults_are_named_and_what_is_right_works(variables):
    found = parse_alerts_file(WHOLE + '[rules.x]\nwhen = 1\nchannels = ["ops"]\n[channels.y]\n')

    assert len(found.faults) == 2
    assert [*found.channels] == ["ops", "mail"]
    assert [one.name for one in found.rules] == ["causes", "many"]


def test_a_variable_may_be_a_secret_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "HOOK").write_text("https://hooks.example.org/from-a-file\n")
    monkeypatch.setattr("taskdesk.jobs.alerts.file.SECRETS_FOLDER", tmp_path)

    found = parse_alerts_file(OPS.replace("https://hooks.example.org/a", "${HOOK}"))

    assert found.channels["ops"].url.get_secret_value() == "https://hooks.example.org/from-a-file"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 1_000_001, None])
def test_a_file_that_cannot_be_read_stops_prod_and_not_dev(web_settings, tmp_path, capsys, content):
    path = tmp_path / "alerts.toml"
    if content is not None:
        path.write_bytes(content)
    settings = web_settings.model_copy(update={"alerts_file": str(path)})

    assert len(check_alerts_file(settings).faults) == 1
    with pytest.raises(SystemExit, match="2"):
        check_alerts_file(settings.model_copy(update={"env": "prod"}))
    assert str(path) in capsys.readouterr().err


def test_without_a_file_there_are_no_alerts(web_settings):
    found = check_alerts_file(web_settings.model_copy(update={"env": "prod"}))

    assert (found.channels, found.rules, found.faults) == ({}, (), ())


def test_the_examples_of_the_docs_are_right(monkeypatch):
    page = (BACKEND.parent / "docs" / "alerts.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    for name in re.findall(r"\$\{(\w+)\}", page):
        monkeypatch.setenv(name, "https://hooks.example.org/x" if name.endswith("URL") else "a-secret")

    whole = parse_alerts_file("\n".join(examples))

    assert whole.faults == ()
    assert {channel.kind for channel in whole.channels.values()} == {"mail", "webhook", "slack", "teams", "ntfy"}
    assert all(parse_alerts_file(example).faults == () for example in examples if "[rules" not in example)


def test_the_variables_with_secrets_of_channels_are_known_and_no_others(monkeypatch):
    for name in ("DESK", "MAIL_HOST", "MAIL_PASSWORD", "OPS_HOST", "OPS_PATH"):
        monkeypatch.setenv(name, "example")
    text = """
address = "https://${DESK}"
[channels.mail]
kind = "mail"
host = "${MAIL_HOST}"
password = "${MAIL_PASSWORD}"
[channels.ops]
kind = "slack"
url = "https://${OPS_HOST}/${OPS_PATH}"
"""

    assert parse_alerts_file(text).variables == {"MAIL_PASSWORD", "OPS_HOST", "OPS_PATH"}
    assert parse_alerts_file("channels = 1").variables == frozenset()
