"""The request that a form sends, as code: with curl, and in Python with `requests`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from taskdesk.jobs.catalog import TaskSpec
from taskdesk.jobs.job import MASK
from taskdesk.jobs.schema_rules import example_value
from taskdesk.jobs.status import FINAL, Status
from taskdesk.jobs.texts import write_texts
from taskdesk.web.pages.view.curl import JSON_BODY, example_files

Files = Mapping[str, Sequence[str]]  # names of files by parameter
_FINAL = [status for status in Status if status in FINAL]
_PLAIN_NAME = re.compile(r"[\w .+-]+")

_LOGIN = """\
desk = requests.Session()
desk.headers["Authorization"] = f"Bearer {os.environ['TASKDESK_TOKEN']}"
"""

_PYTHON = """\
{imports}

api = "{api}"{login}
answer = {client}.post(
    f"{{api}}{call}",
{arguments}
)
answer.raise_for_status()  # of a 422, answer.text says what is wrong
job = answer.json()

while job["status"] not in ({final}):
    job = {client}.get(f"{{api}}/jobs/{{job['id']}}", headers={{"Prefer": "wait=30"}}).json()
print(job["status"], job.get("result") or job.get("error"))"""


def code_samples(
    spec: TaskSpec, values: Mapping[str, Any], files: Files, api: str, query: str = "", login: bool = False
) -> dict[str, str]:
    """Return the code for "curl" and "python". `files`: their names by parameter. `api`: the address of the API.

    With `login` the token comes from the environment. A required parameter that is missing gets an example.
    """
    required = spec.input_schema.get("required", [])
    given, uploads = {}, {}
    for name, schema in spec.parameters.items():
        is_missing = name in required and name not in values and name not in files
        if name in spec.file_parameters:
            if name in files or is_missing:
                uploads[name] = files.get(name) or example_files(name, schema)
        elif name in values or is_missing:
            value, example = values.get(name), example_value(schema)
            if name not in values:
                value = example
            elif isinstance(value, dict) and isinstance(example, dict) and "default" not in schema:
                value = {**example, **value}  # a group may lack what it requires
            value = MASK if name in spec.secret_parameters and value is not None else value
            if value is not None or schema.get("default") is not None:
                given[name] = value
    call = f"/tasks/{spec.name}/jobs{query and '?'}{query}"
    values = write_texts(spec, given) if uploads else given
    return {"curl": _curl(api + call, values, uploads, login), "python": _python(api, call, values, uploads, login)}


def _curl(address: str, values: Mapping[str, Any], files: Files, login: bool) -> str:
    lines = [shlex.join(["curl", address])]
    if login:
        lines.append('-H "Authorization: Bearer $TASKDESK_TOKEN"')
    if files:
        lines += [shlex.join(["-F", f"{name}=@{_file_name(file)}"]) for name, some in files.items() for file in some]
        lines += [shlex.join([_option(text), f"{name}={text}"]) for name, texts in values.items() for text in texts]
    else:
        members = ",\n".join(f"    {_json(name)}: {_json(value)}" for name, value in values.items())
        lines.append(shlex.join([*JSON_BODY, f"{{\n{members}\n  }}" if members else "{}"]))
    return " \\\n  ".join(lines)


def _file_name(name: str) -> str:
    """Quote the name if needed: curl ends an unquoted name at a comma or a semicolon."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if _PLAIN_NAME.fullmatch(name) else f'"{escaped}"'


def _option(text: str) -> str:
    """Return the option for a text. With -F it could name a file, lose blanks and quotes, and all after a semicolon."""
    return "--form-string" if text.startswith(("@", "<", '"')) or ";" in text or text != text.strip() else "-F"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _python(api: str, call: str, values: Mapping[str, Any], files: Files, login: bool) -> str:
    if files:
        fields = {name: texts[0] if len(texts) == 1 else texts for name, texts in values.items()}
        arguments = _argument("data", {name: _literal(texts) for name, texts in fields.items()})
        arguments += _files_argument(files)
    else:
        arguments = _argument("json", {name: _literal(value) for name, value in values.items()}) or ["    json={},"]
    return _PYTHON.format(
        api=api,
        call=call,
        arguments="\n".join(arguments),
        final=", ".join(map(_json, _FINAL)),
        imports="import os\n\nimport requests" if login else "import requests",
        login="\n" + _LOGIN.rstrip("\n") if login else "",
        client="desk" if login else "requests",
    )


def _argument(name: str, items: Mapping[str, str]) -> list[str]:
    lines = [f'        "{key}": {literal},' for key, literal in items.items()]
    return [f"    {name}={{", *lines, "    },"] if lines else []


def _files_argument(files: Files) -> list[str]:
    """Return the argument `files`: a dict, or pairs of name and file if a parameter has several files."""
    opened = [(name, f'open({_json(file)}, "rb")') for name, some in files.items() for file in some]
    if len(opened) == len(files):
        return _argument("files", dict(opened))
    return ["    files=[", *(f'        ("{name}", {literal}),' for name, literal in opened), "    ],"]


def _literal(value: Any) -> str:
    """Return a value as a literal of Python, with double quotes."""
    if isinstance(value, str):
        return _json(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(one)}' for key, one in value.items())}}}"
    return repr(value)
