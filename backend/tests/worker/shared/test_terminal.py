"""The log of a job shows what a terminal would show, with its colors."""

from __future__ import annotations

import pytest

from taskdesk.jobs.joblog import read_log
from taskdesk.worker.shared.output_buffer import STDERR, STDOUT, OutputBuffer

BAR = "".join(f"\r{n:3}%|{'█' * (n // 10):10}|" for n in range(101))
NESTED = "\r outer 0" + "".join(f"\n\r inner {n}\x1b[A\r outer {n // 10}" for n in range(101)) + "\n\n"
SHOWN = {
    "plain\n": "plain\n",
    "no end": "no end",
    "a\r\nb\r\n": "a\nb\n",
    "a\rb\n": "b\n",
    "abc\rX\n": "Xbc\n",
    "abc\r\x1b[KX\n": "X\n",
    "abc\x1b[2K\rX\n": "X\n",
    "abc\b\bX\n": "aXc\n",
    "|\b/\b-\b\\\b|": "|",
    BAR: "100%|██████████|",
    BAR + "\n": "100%|██████████|\n",
    f"before\n{BAR}\nafter\n": "before\n100%|██████████|\nafter\n",
    "50%\r" + " " * 20 + "\r": "",
    "10%\r20%\r30%\r": "30%",
    "loading: \r 1\r 2\n": " 2ading:\n",
    NESTED: " outer 0\n outer 10\n inner 100\n",
    "\x1b[31mred\x1b[0m and \x1b[1;38;5;208mbold\x1b[m\n": "\x1b[31mred\x1b[0m and \x1b[1;93mbold\x1b[0m\n",
    "\x1b[31mred\nred\x1b[39m plain\n": "\x1b[31mred\x1b[0m\n\x1b[31mred\x1b[0m plain\n",
    "\x1b[32;1m[OK]\x1b[22m ok\x1b[m\n": "\x1b[1;32m[OK]\x1b[0m\x1b[32m ok\x1b[0m\n",
    "\x1b[38;2;10;200;10mgreen\x1b[38;2;9;9;9m black\x1b[0m\n": "\x1b[92mgreen\x1b[0m\x1b[30m black\x1b[0m\n",
    "\x1b[38;5;1m1\x1b[38;5;9m9\x1b[48;5;244mgray\x1b[0m\n": "\x1b[31m1\x1b[0m\x1b[91m9\x1b[0m\x1b[91;47mgray\x1b[0m\n",
    "\x1b[5;99;38;7;1mstill\x1b[0m\n": "\x1b[1mstill\x1b[0m\n",
    "\x1b[31m10%\r\x1b[32m20\x1b[0m\n": "\x1b[32m20\x1b[0m\x1b[31m%\x1b[0m\n",
    "\x1b[41m  \x1b[0m\n": "\n",
    "\x1b]8;;http://a\x1b\\link\x1b]8;;\x07\n": "link\n",
    "\x1b]0;title\x07text\n": "text\n",
    "\x1b[?25l\x1b[2J\x1b[Htext\x1b[?25h\n": "text\n",
    "\x1b(Btext\x1b=\n": "text\n",
    "bell\x07\n": "bell\n",
    "\x1b[1mÄ😀\x1b[0m\n": "\x1b[1mÄ😀\x1b[0m\n",
    "ends in \x1b[3": "ends in",
    "escape\x1b\n": "escape\n",
    "\x1b]0;no end\ntext\n": "]0;no end\ntext\n",
    "two \x1b\x1b[1mescapes\n": "two \x1b[1mescapes\x1b[0m\n",
    "tab\tand \x00\n": "tab\tand \x00\n",
    "1\n2\n\x1b[2A\rX\n": "1\n2\nX\n",
}


@pytest.fixture
def logged(redis):
    """The log of a job that has written these pieces, some of which were sent meanwhile."""

    def logged(*pieces, send=()):
        buffer = OutputBuffer()
        redis.delete("taskdesk:log:one")
        for number, (stream, piece) in enumerate(pieces):
            buffer.write(piece, stream)
            if number in send:
                buffer.send(redis, "one", 60)
        buffer.finish()
        buffer.send(redis, "one", 60)
        return read_log(redis, "one").text

    return logged


@pytest.mark.parametrize("text", SHOWN)
def test_the_log_shows_what_a_terminal_shows(logged, text):
    assert logged((STDOUT, text.encode())) == SHOWN[text]


@pytest.mark.parametrize("text", [text for text in SHOWN if len(text) < 500])
def test_it_is_the_same_however_the_text_is_split(logged, text):
    content = text.encode()

    assert logged(*[(STDOUT, content[n : n + 1]) for n in range(len(content))]) == SHOWN[text]


def test_a_bar_on_one_stream_leaves_the_lines_of_the_other_alone(logged):
    pieces = []
    for n in range(5):
        pieces += [(STDERR, f"\r{n}".encode()), (STDOUT, b"line\n")]

    assert logged(*pieces, (STDERR, b"\n")) == "line\n" * 5 + "4\n"


def test_what_was_sent_before_it_is_drawn_over_stays_whole(logged):
    assert (
        logged((STDOUT, b"1%"), (STDOUT, b"\r2%"), (STDOUT, b"\r3%\n"), (STDOUT, b"end\n"), send=[0]) == "1%\n3%\nend\n"
    )


def test_a_long_bar_pushes_no_line_out(logged):
    lines = [(STDOUT, b"line %d\n" % n) for n in range(50)]
    bar = [(STDERR, f"\r{n}".encode() * 50) for n in range(20_000)]

    text = logged(*lines, *bar)

    assert text.splitlines() == [f"line {n}" for n in range(50)] + ["19999"]


def test_the_last_state_of_a_bar_outlives_its_process(redis):
    buffer = OutputBuffer()
    buffer.write(b"line\n\r50%", STDOUT)

    buffer.write_rest()

    buffer.send(redis, "one", 60)
    assert read_log(redis, "one").text == "line\n50%"
