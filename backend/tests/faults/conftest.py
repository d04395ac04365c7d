"""Print the reports of the scenarios, one line each, at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.report import Report

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def assert_kept(request: pytest.FixtureRequest) -> Callable[[Report], None]:
    """Record a report for the end of the run, and fail if it names a broken promise."""
    lines = request.config.stash.setdefault(_LINES, [])

    def judge(report: Report) -> None:
        lines.append(report.line())
        shown = "\n".join(report.problems[:20])
        assert not report.problems, f"{report.line()}\n{shown}"

    return judge


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("faults")
    for line in lines:
        terminalreporter.write_line(line)
