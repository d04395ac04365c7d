"""The rules for the scripts in Redis: what they share is spelled once, and each says what it needs."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import taskdesk
from taskdesk.jobs import deliveries, fields, keys, presets
from taskdesk.jobs import scripts as job_scripts
from taskdesk.jobs.alerts import scripts as alert_scripts
from taskdesk.jobs.prelude import CONSTANTS, names_in, with_prelude
from taskdesk.jobs.scripts import Script, find, included_by
from taskdesk.jobs.status import BY_RQ_WORD, Status
from taskdesk.worker import scripts as worker_scripts

FILES = sorted(Path(taskdesk.__file__).parent.rglob("*.lua"))
MODULES = (job_scripts, deliveries, worker_scripts, alert_scripts)
SCRIPTS = {name: script for module in MODULES for name, script in vars(module).items() if isinstance(script, Script)}
COMMENT, STRING = re.compile(r"--[^\n]*"), re.compile(r"'[^'\n]*'")
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def code(file: Path) -> str:
    return COMMENT.sub("", file.read_text())


def defined_in(file: Path) -> set[str]:
    """The names that a file defines for those that include it."""
    functions = re.findall(r"^local function (\w+)", code(file), re.MULTILINE)
    values = re.findall(r"^local ([\w, \n]+?) *=", code(file), re.MULTILINE)
    return {*functions, *(name.strip() for names in values for name in names.split(","))}


def includes(file: Path) -> list[Path]:
    return [find(name, file.parent) for name in included_by(file.read_text())]


@pytest.mark.parametrize("name", SCRIPTS)
def test_redis_takes_every_script(redis, name):
    assert redis.script_load(SCRIPTS[name].source) == SCRIPTS[name].sha


@every_file
def test_a_file_begins_with_a_sentence(file):
    assert re.match(r"-- [A-Z`].*", file.read_text())


@every_file
def test_keys_fields_and_statuses_are_spelled_in_python_only(file):
    strings = [string.strip("'") for string in STRING.findall(code(file))]

    assert [string for string in strings if re.search(r"rq:|td_|taskdesk:|^:\w", string)] == []
    assert not {*BY_RQ_WORD, *Status} & {*strings}


@every_file
def test_every_name_in_capitals_is_defined(file):
    local = {name for part in (file, *includes(file)) for name in defined_in(part)}
    used = {name for name in names_in(file.read_text()) if name.isupper()} - {"KEYS", "ARGV"}

    known = (
        CONSTANTS,
        worker_scripts.CONSTANTS,
        deliveries.CONSTANTS,
        alert_scripts.CONSTANTS,
        presets.CONSTANTS,
        local,
    )
    assert used <= {name for names in known for name in names}


@every_file
def test_what_a_file_includes_exists_and_is_used(file):
    for other in includes(file):
        assert other.exists()
        if defined_in(file) or code(file).strip():
            names = defined_in(other)
            assert not names or any(re.search(rf"\b{name}\b", code(file)) for name in names), other.name


def test_includes_have_no_cycle():
    list(TopologicalSorter({file: includes(file) for file in FILES}).static_order())


@every_file
def test_arguments_get_names_before_anything_else(file):
    statements = re.split(r"\n(?=\S)", code(file).strip())  # a statement goes on while its lines are indented
    bound = [statement.startswith("local") and "ARGV" in statement for statement in statements]

    assert "ARGV" not in "".join(statement for statement in statements[bound.count(True) :])


def test_every_key_and_field_has_one_name():
    spelled = [value for module in (keys, fields) for name, value in vars(module).items()
               if name.isupper() and isinstance(value, str)]  # fmt: skip

    assert len(spelled) == len(set(spelled))


def test_a_script_gets_the_names_that_it_uses_and_no_others():
    source = "-- JOB_KEY\nreturn {JOB_KEY .. 'JOB_KEY', index_key('a', 'b'), LIMIT, INDEXED}"

    prelude = with_prelude(source, {"LIMIT": 3})

    assert prelude == (
        'local INDEXED = {"queued", "succeeded", "failed", "waiting", "scheduled", "canceled"}\n'
        'local index_key = function(a, b) return "taskdesk:jobs:" .. a .. ":" .. b end\n'
        "-- JOB_KEY\nreturn {\"rq:job:\" .. 'JOB_KEY', index_key('a', 'b'), 3, INDEXED}"
    )


def test_keys_in_scripts_are_those_of_python(redis):
    source = with_prelude("return {dependencies_key('a'), execution_key('a', 'b'), JOB_KEY .. 'a'}", {})

    assert redis.eval(source, 0) == [
        key.encode() for key in (keys.dependencies_key("a"), keys.execution_key("a", "b"), keys.job_key("a"))
    ]
