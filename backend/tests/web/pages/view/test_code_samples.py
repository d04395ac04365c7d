"""The code samples of a form: what is sent, in curl and in Python."""

from __future__ import annotations

import shlex

from taskdesk.web.pages.view.code_samples import code_samples
from tests.jobs.test_parsing import spec


def test_with_a_login_the_samples_take_a_token_from_the_environment():
    made = code_samples(spec(a=(str, ...)), {"a": "x"}, {}, "http://x/api/v1", login=True)

    assert made["curl"].splitlines()[1] == '  -H "Authorization: Bearer $TASKDESK_TOKEN" \\'
    assert "import os" in made["python"]
    assert made["python"].count("desk.") == 3
    assert "requests.post" not in made["python"]
    compile(made["python"], "call", "exec")


def test_a_text_in_a_multipart_request_is_never_taken_for_a_file():
    task = spec(file=(str, ...), text=(str, ...), words=(list[str], ...), sure=(bool, ...))
    task.input_schema["properties"]["file"] = {"type": "string", "format": "binary"}
    values = {"text": "@/etc/passwd", "words": ["<a", "b;type=x", "c", " d", '"e"'], "sure": True}

    made = code_samples(task, values, {"file": ['a,"b".csv']}, "http://x/api/v1")

    assert shlex.split(made["curl"].replace("\\\n", ""))[2:] == [
        *("-F", r'file=@"a,\"b\".csv"'),
        *("--form-string", "text=@/etc/passwd"),
        *("--form-string", "words=<a", "--form-string", "words=b;type=x", "-F", "words=c"),
        *("--form-string", "words= d", "--form-string", 'words="e"'),
        *("-F", "sure=true"),
    ]


def test_python_has_the_values_as_literals():
    task = spec(a=(dict[str, bool], ...), b=(float | None, 1.0), c=(list[str], ...), d=(int | None, None))

    values = {"a": {"x": True}, "b": None, "c": ['"', "é\n"], "d": None}
    made = code_samples(task, values, {}, "http://x/api/v1")["python"]

    assert '"a": {"x": True},' in made
    assert '"b": None,' in made
    assert '"c": ["\\"", "é\\n"],' in made
    assert '"d"' not in made  # its default is none
    compile(made, "call", "exec")
