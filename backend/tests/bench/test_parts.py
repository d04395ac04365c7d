"""`make bench`: a part that fails costs only itself, and no limit of the desk ends a load."""

from __future__ import annotations

import pytest

from bench.__main__ import run_parts
from bench.http_load import MIN_ANSWERS, Load, load
from bench.redis_server import RedisServer
from bench.report import Report
from bench.sites import taskdesk

QUICK = Load(rate=30.0, p50=0.05, p95=0.06, p99=0.07)


@pytest.fixture
def server(tmp_path):
    with RedisServer(tmp_path) as server:
        yield server


def test_a_part_that_fails_is_named_and_the_others_are_written(server, tmp_path, capsys):
    found = []

    def leaves_something(server, folder, report):
        report.batches(QUICK)
        server.client.set("left", "behind")

    def fails_halfway(server, folder, report):
        report.latencies({})
        raise RuntimeError("no answer within 30 s")

    def looks(server, folder, report):
        found.extend(server.client.keys())
        report.batches(QUICK)

    report = Report("9.0", {"rq": "3.0"})
    parts = {"Batches": leaves_something, "Starts": fails_halfway, "Batches again": looks}
    run_parts(parts, server, tmp_path, report)
    status = report.write(tmp_path / "RESULTS.md")

    written = (tmp_path / "RESULTS.md").read_text()
    assert (status, found) == (1, [])
    assert written.count("30,000 jobs/s") == 2
    assert "## Starts\n\nThis part has failed: `RuntimeError: no answer within 30 s`\n" in written
    assert "From submit to start" not in written
    assert "The part 'Starts' has failed" in capsys.readouterr().err


def test_if_no_part_fails_the_status_is_0(server, tmp_path):
    report = Report("9.0", {})
    run_parts({"Batches": lambda server, folder, report: report.batches(QUICK)}, server, tmp_path, report)

    assert report.write(tmp_path / "RESULTS.md") == 0
    assert "failed" not in (tmp_path / "RESULTS.md").read_text()


@pytest.mark.slow
def test_a_load_is_not_limited_by_a_setting_of_this_shell(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MAX_QUEUED", "5")
    monkeypatch.setenv("RATE_LIMIT", "5/minute")
    site = taskdesk(tmp_path)
    site.prepare(server.url)

    with site.start(server.url):
        measured = load(site.port, site.submit, 0.1, connections=2)

    assert measured.rate > 0
    assert server.client.llen("rq:queue:default") >= MIN_ANSWERS
