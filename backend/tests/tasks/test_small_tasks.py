"""The small tasks, called as plain functions."""

from __future__ import annotations

from datetime import datetime

import pytest

import tasks
from tasks.fibonacci import fib
from tasks.gallery import kinds_gallery
from tasks.plots import render_plot
from tasks.waiting import heavy_task, simple_task, wait_task


def test_simple_task_puts_a_prefix_before_its_text():
    assert simple_task("abc", seconds=0) == "prefix___abc"


def test_heavy_task_says_how_long_it_took():
    assert heavy_task(sleep_time=0) == "This task took 0 seconds."


def test_wait_task_returns_the_time_with_its_zone():
    assert datetime.fromisoformat(wait_task(sleep_time=0)).tzinfo is not None


@pytest.mark.parametrize(("n", "sequence"), [(4, [0, 1, 1, 2, 3]), (0, [0]), (1, [0, 1]), (-1, [])])
def test_fib_is_the_sequence_up_to_n(n, sequence):
    assert fib(n) == sequence


def test_render_plot_is_a_png():
    assert render_plot(days=2).data.startswith(b"\x89PNG")


def test_the_gallery_returns_every_kind_of_result():
    result = kinds_gallery()

    assert {name: type(part).__name__ for name, part in result.items()} == {
        "text": "str",
        "json": "dict",
        "markdown": "Markdown",
        "table": "Table",
        "picture": "Picture",
        "file": "File",
    }


@pytest.mark.parametrize("name", ["simple_task", "heavy_task", "train_model", "render_plot", "wait_task", "fib"])
def test_any_rq_worker_finds_a_task_by_its_reference_and_each_has_a_title(name):
    function = getattr(tasks, name)

    assert function.__name__ == name
    assert function.__doc__.split("\n")[0].endswith(".")
