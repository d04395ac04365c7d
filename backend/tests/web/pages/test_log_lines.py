"""The log of a job as lines: colors as classes, times as titles, and nothing that a job has printed as HTML."""

from __future__ import annotations

import pytest

from taskdesk.jobs.log_times import LineTime
from taskdesk.web.pages.view.log_lines import log_lines

CASES = {
    "": "",
    "a": "<span>a</span>",
    "a\n": "<span>a</span>\n",
    "a\n\nb": "<span>a</span>\n<span></span>\n<span>b</span>",
    "<b>\x1b[1;31m<i>\x1b[0m&": '<span>&lt;b&gt;<span class="c1 c31">&lt;i&gt;</span>&amp;</span>',
    "\x1b[91mred": '<span><span class="c91">red</span></span>',
    "\x1b[0mplain": "<span>plain</span>",
    "\x1b[31m\x1b[0m": "<span></span>",
    '\x1b["onclick=m': "<span>\x1b[&#34;onclick=m</span>",
}


@pytest.mark.parametrize("text", CASES)
def test_each_line_is_a_span(text):
    assert str(log_lines(text, 0)) == CASES[text]


def test_a_line_that_is_the_first_at_its_time_has_it_as_title():
    times = [LineTime(0, 0), LineTime(2, 60), LineTime(5, 120), LineTime(6, 180)]

    lines = str(log_lines("a\nä\nb\nc\nd", 0, times)).split("\n")

    shown = [line.partition('"')[2][11:16] for line in lines]
    assert shown == ["00:00", "00:01", "00:02", "00:03", ""]


def test_a_line_in_the_middle_of_a_record_has_the_time_of_the_record():
    times = [LineTime(0, 0), LineTime(1000, 60), LineTime(3000, 120)]

    assert str(log_lines("a\nb", 2000, times)) == '<span title="1970-01-01T00:01:00Z">a</span>\n<span>b</span>'
