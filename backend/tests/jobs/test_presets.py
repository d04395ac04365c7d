"""Presets: named inputs of a task. Their owner and operators change them, and their number and size have a bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from taskdesk.jobs.errors import InvalidArguments
from taskdesk.jobs.keys import presets_key
from taskdesk.jobs.presets import MAX_BYTES, MAX_PRESETS, PresetNotFound, PresetOfAnother, Presets, PresetsFull
from taskdesk.service.accounts import Identity

ANN, BOB = Identity("ann", "user"), Identity("bob", "user")
OPERATOR = Identity("olga", "operator")
NOBODY = Identity("", "operator")  # without logins


@pytest.fixture
def presets(redis):
    return Presets(redis)


def names(presets, spec):
    return [(preset.name, preset.owner) for preset in presets.of(spec)]


def test_a_preset_keeps_its_values_and_takes_the_place_of_one_of_its_name(presets, echo):
    presets.save(echo, "b", {"text": "x"}, ANN)
    presets.save(echo, "A", {"text": "ä\n"}, ANN)
    presets.save(echo, "b", {"text": "y"}, ANN)

    assert [(preset.name, preset.input) for preset in presets.of(echo)] == [
        ("A", {"text": "ä\n"}),
        ("b", {"text": "y"}),
    ]


def test_its_owner_and_operators_change_it(presets, echo):
    presets.save(echo, "small", {"text": "x"}, ANN)

    with pytest.raises(PresetOfAnother, match="belongs to ann"):
        presets.save(echo, "small", {"text": "y"}, BOB)
    with pytest.raises(PresetOfAnother):
        presets.delete(echo, "small", BOB)
    presets.save(echo, "small", {"text": "z"}, OPERATOR)
    assert names(presets, echo) == [("small", "olga")]
    presets.delete(echo, "small", NOBODY)
    assert names(presets, echo) == []


def test_what_was_saved_without_logins_belongs_to_operators(presets, echo):
    presets.save(echo, "small", {}, NOBODY)

    with pytest.raises(PresetOfAnother, match="belongs to nobody"):
        presets.delete(echo, "small", ANN)


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"text": 5}, "/text"),
        ({"unknown": 5}, "/unknown"),
        ({"text": "x" * MAX_BYTES}, ""),
    ],
)
def test_wrong_values_are_refused_and_missing_ones_are_not(presets, echo, values, pointer):
    with pytest.raises(InvalidArguments) as refusal:
        presets.save(echo, "small", values, ANN)

    assert [error.pointer for error in refusal.value.errors] == [pointer]
    presets.save(echo, "small", {}, ANN)


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\nb", "x" * 61, "<b>", "..", "-preset"])
def test_a_name_is_a_short_text_that_an_address_can_have(presets, echo, name):
    with pytest.raises(InvalidArguments) as refusal:
        presets.save(echo, name, {}, ANN)

    assert refusal.value.errors[0].pointer == "/-preset"


def test_files_and_secrets_are_no_part_of_it(presets, registry):
    spec = registry.catalog.tasks["count_bytes"]

    with pytest.raises(InvalidArguments, match="Files and secrets"):
        presets.save(spec, "small", {next(iter(spec.file_parameters)): {"artifact": "x"}}, ANN)


def test_a_task_has_no_more_than_so_many(presets, echo):
    for number in range(MAX_PRESETS):
        presets.save(echo, f"{number}", {}, ANN)

    with pytest.raises(PresetsFull):
        presets.save(echo, "one more", {}, ANN)
    presets.save(echo, "0", {"text": "x"}, ANN)
    assert presets.get(echo, "0").input == {"text": "x"}


def test_the_bound_holds_while_many_save_at_the_same_time(presets, echo):
    def save(number):
        with suppress(PresetsFull):
            presets.save(echo, f"{number}", {}, ANN)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(save, range(MAX_PRESETS + 10)))

    assert len(presets.of(echo)) == MAX_PRESETS


def test_an_unknown_one_and_a_damaged_one_are_not_there(presets, echo, redis):
    redis.hset(presets_key("echo"), mapping={"damaged": "x", b"\xff": b"\n{}", "list": '\n{"input": 3}'})

    assert presets.of(echo) == []
    with pytest.raises(PresetNotFound):
        presets.get(echo, "damaged")
    with pytest.raises(PresetNotFound):
        presets.delete(echo, "other", ANN)
